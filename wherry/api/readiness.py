"""What requests wait for while the engine boots: they are taken from the first moment on, and none sees wrong state.

Ping needs nothing. Version and info tell how far the boot is. Everything else waits until the records are true again.
"""

import asyncio
from enum import IntEnum

from wherry.api.services import Services
from wherry.base.errors import EngineError, Unavailable

WAIT_SECONDS = 60.0
"""How long a request may wait: longer than most boots, which without live-restore stop containers with their grace."""


class Need(IntEnum):
    """How far a boot must be for a route."""

    NOTHING = 0
    ENGINE = 1
    """Its parts are built, and containerd answers."""
    STATE = 2
    """Networks, volumes and containers are what the records say."""


class Readiness:
    """How far the boot is."""

    def __init__(self, seconds: float = WAIT_SECONDS) -> None:
        """Begin with nothing; a request waits at most `seconds`."""
        self._seconds = seconds
        self._services: Services | None = None
        self._events = {need: asyncio.Event() for need in Need}
        self._failure: EngineError | None = None
        self._events[Need.NOTHING].set()

    def reach(self, need: Need, services: Services) -> None:
        """Let in what needs no more than this."""
        self._services = services
        for reached in Need:
            if reached <= need:
                self._events[reached].set()

    def refuse(self, reason: str) -> None:
        """The boot has come to its end without success: answer what waits, and what comes, with 503 and the reason."""
        self._failure = Unavailable(reason)
        for event in self._events.values():
            event.set()

    async def wait(self, need: Need) -> Services | None:
        """Return what a route may call, None for one that needs nothing; Unavailable with the reason or in the end."""
        event = self._events[need]
        if not event.is_set():
            try:
                async with asyncio.timeout(self._seconds):
                    await event.wait()
            except TimeoutError as error:
                raise Unavailable(
                    "the engine is still starting: try again, the warnings of `docker info` tell how far it is"
                ) from error
        if self._failure is not None:
            raise self._failure
        return self._services
