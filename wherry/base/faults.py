"""Failpoints: `WHERRY_FAULTS="netns.after=kill,task.release=error*"` breaks the engine on purpose at named points.

Points are `<step>.before`, `<step>.after` and `<step>.release`, the moves of the state machine
`move.<verb>.before|after`, the writes of state `write.<verb>|save|rename|insert|delete`, and the parts of a boot
`boot.runtimes|networks|volumes|names|records|sweep`, each before it, `boot.done`, and `links.delete`. Actions:
`error` raises System, `cancel` cancels the running task, `kill` ends the process as SIGKILL would, `stop` stops it
until SIGCONT, `hang` (at steps) waits for ever; `full`, `eio` and `busy` are SQLite's answers to ENOSPC, EIO and a
lock held by another. A point fires once per process, with `*` behind the action every time. Empty in production,
where `at()` is one truth test.
"""

import asyncio
import logging
import os
import signal
import sqlite3

from wherry.base.errors import InvalidParameter, System

log = logging.getLogger("wherry.faults")

WRITE_ERRORS = {"full": "database or disk is full", "eio": "disk I/O error", "busy": "database is locked"}
"""SQLite's texts (https://www.sqlite.org/rescode.html: SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY)."""
ACTIONS = ("error", "cancel", "kill", "stop", "hang", *WRITE_ERRORS)
ALWAYS = "*"


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
            if action.removesuffix(ALWAYS) not in ACTIONS:
                raise InvalidParameter(f"invalid failpoint {part!r}: the action is one of {', '.join(ACTIONS)}")
            armed[point] = action
        return cls(armed)

    def at(self, point: str) -> None:
        """Break here if the point is armed."""
        if not self._armed or self._hangs(point):
            return
        action = self._fire(point)
        if action == "error":
            raise System(f"failpoint {point}")
        if action in WRITE_ERRORS:
            raise sqlite3.OperationalError(WRITE_ERRORS[action])
        if action == "cancel":
            task = asyncio.current_task()
            if task is not None:
                task.cancel()
        if action in ("kill", "stop"):
            os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)

    async def hang_at(self, point: str) -> None:
        """Wait here for ever if the point is armed so; else let others run, and a cancellation land."""
        if self._armed and self._hangs(point):
            self._fire(point)
            log.warning("failpoint: hangs at %s", point)
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    def _hangs(self, point: str) -> bool:
        return self._armed.get(point, "").startswith("hang")

    def _fire(self, point: str) -> str:
        """Return the action of a point, disarmed unless it is to fire every time."""
        action = self._armed.get(point, "")
        if not action.endswith(ALWAYS):
            self._armed.pop(point, None)
        return action.removesuffix(ALWAYS)
