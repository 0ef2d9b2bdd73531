"""Failpoints: `WHERRY_FAULTS="netns.after=kill,task.before=error"` breaks the engine on purpose at named points.

Points are `<step>.before`, `<step>.after` and the moves of the state machine `move.<verb>.before|after`. Actions:
`error` raises System, `cancel` cancels the running task, `kill` ends the process as SIGKILL would, `hang` (at steps)
waits for ever. Every point fires once per process. Empty in production, where `at()` is one truth test.
"""

import asyncio
import logging
import os
import signal

from wherry.base.errors import InvalidParameter, System

log = logging.getLogger("wherry.faults")

ACTIONS = ("error", "cancel", "kill", "hang")


class Faults:
    """The armed points of this process."""

    def __init__(self, armed: dict[str, str]) -> None:
        """Take a map of point to action."""
        self._armed = dict(armed)

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read the form `point=action,point=action`; InvalidParameter names a bad part."""
        armed: dict[str, str] = {}
        for part in filter(None, text.split(",")):
            point, _, action = part.partition("=")
            if action not in ACTIONS:
                raise InvalidParameter(f"invalid failpoint {part!r}: the action is one of {', '.join(ACTIONS)}")
            armed[point] = action
        return cls(armed)

    def at(self, point: str) -> None:
        """Break here if the point is armed."""
        if not self._armed:
            return
        if self._armed.get(point) == "hang":
            return
        action = self._armed.pop(point, None)
        if action == "error":
            raise System(f"failpoint {point}")
        if action == "cancel":
            task = asyncio.current_task()
            if task is not None:
                task.cancel()
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

    async def hang_at(self, point: str) -> None:
        """Wait here for ever if the point is armed so; else let others run, and a cancellation land."""
        if self._armed and self._armed.get(point) == "hang":
            del self._armed[point]
            log.warning("failpoint: hangs at %s", point)
            await asyncio.Event().wait()
        await asyncio.sleep(0)
