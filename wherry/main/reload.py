"""SIGHUP: the file is read again and the keys that can change take hold, all of them or none (images.md 24).

Everything is read, checked and prepared before the first taker commits, and a commit cannot fail: there is nothing to
roll back. A key that is gone from the file keeps its value, as in dockerd, unless it is one of FALLS_BACK.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wherry.base.errors import EngineError
from wherry.base.events import EventBus
from wherry.base.offload import offload
from wherry.main.config import Config, load

log = logging.getLogger("wherry.reload")

Taker = Callable[[Config], Callable[[], None]]
"""Prepares (blocking) for a new configuration: may raise an EngineError, has no effect; what it returns commits."""


def _listed(value: Sequence[str]) -> str:
    return json.dumps(list(value), separators=(",", ":"))


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


RELOADABLE: Mapping[str, Callable[[Any], str]] = {
    "debug": _plain,
    "default-cgroupns-mode": _plain,
    "default-ipc-mode": _plain,
    "default-runtime": _plain,
    "default-shm-size": _plain,
    "insecure-registries": _listed,
    "labels": _listed,
    "live-restore": _plain,
    "max-concurrent-downloads": _plain,
    "runtimes": lambda known: " ".join(f"{name}:{entry.path}" for name, entry in known.items()),
    "registry-mirrors": lambda urls: _listed([url.rstrip("/") for url in urls]),
    "shutdown-timeout": _plain,
}
"""The keys that a reload takes, each with how the event shows its value; every other key needs a restart."""
FALLS_BACK = frozenset({"max-concurrent-downloads"})
"""Keys that go back to their default when the file no longer has them."""


def merge(now: Config, read: Config) -> Config:
    """Return the running configuration with what a reload takes of the one that was read. Pure."""
    keys = [key for key in RELOADABLE if key in read.given or key in FALLS_BACK]
    fields = {key.replace("-", "_") for key in keys}
    return replace(now, **{field: getattr(read, field) for field in fields})


def attributes(config: Config, host_name: str) -> dict[str, str]:
    """Return what the event `daemon reload` tells: every key that could have changed, as text. Pure."""
    shown = {key: show(getattr(config, key.replace("-", "_"))) for key, show in RELOADABLE.items()}
    return {"name": host_name, **shown}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the event is about."""

    engine: str
    host_name: str


class Reload:
    """Holds the configuration that counts now."""

    def __init__(
        self, flags: Mapping[str, Any], config: Config, takers: Sequence[Taker], bus: EventBus, who: Identity
    ) -> None:
        """Take what the daemon was started with, who takes a new configuration, and who is told."""
        self._flags = flags
        self._takers = takers
        self._bus = bus
        self._who = who
        self._turn = asyncio.Lock()
        self.config = config

    async def __call__(self) -> bool:
        """Reload; a configuration that is wrong is logged and changes nothing. Returns whether it took hold."""
        async with self._turn:
            log.info("Got signal to reload configuration")
            try:
                config = merge(self.config, await offload(load, self._flags))
                commits = [await offload(prepare, config) for prepare in self._takers]
            except EngineError as error:
                log.error("Error reloading configuration, the running one stays: %s", error)
                return False
            for commit in commits:
                commit()
            self.config = config
            told = attributes(config, self._who.host_name)
            self._bus.publish("daemon", "reload", self._who.engine, told)
            log.info("Reloaded configuration: %s", ", ".join(f"{key}={value}" for key, value in told.items()))
            return True
