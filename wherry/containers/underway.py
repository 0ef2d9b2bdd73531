"""Starts under way: how far each is, and how a kill or a forced removal ends one that waits or is stuck."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from wherry.base.errors import DeadlineExceeded
from wherry.base.units import format_time
from wherry.containers.rollback import Rollback
from wherry.containers.turns import Turns

ABORT_SECONDS = 60.0
"""How long the undo of a start that was called off may take: each of its releases has a deadline of its own."""


class UnderWay:
    """The task of each start by container id, and what it does."""

    def __init__(self, turns: Turns, near: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext) -> None:
        """Begin with none; who waits is known to the queue.

        Each start is `near` the move of its container to a cgroup (host/moves.py).
        """
        self._turns = turns
        self._near = near
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._began: dict[str, tuple[int, Rollback]] = {}
        self._aborted: set[str] = set()

    @contextlib.contextmanager
    def start(self, ident: str, step: Rollback) -> Iterator[None]:
        """The running task starts this container meanwhile, by the steps of that runner."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks[ident] = task
        self._began[ident] = time.time_ns(), step
        try:
            with self._near():
                yield
        finally:
            del self._began[ident]
            self._tasks.pop(ident, None)
            self._aborted.discard(ident)

    def waits(self, ident: str) -> bool:
        """Whether the start of this container waits for its turn: nothing is begun yet."""
        return self._turns.place(ident) is not None

    def progress(self, ident: str) -> dict[str, Any]:
        """Return the key `UnderWay` of inspect: since when, the steps of now, the place in the queue; else nothing."""
        if ident not in self._began:
            return {}
        began, step = self._began[ident]
        steps = [{"Name": name, "Since": format_time(since)} for name, since in step.running.items()]
        place = self._turns.place(ident)
        shown = {"Since": format_time(began), "Steps": steps, **({"Place": place} if place is not None else {})}
        return {"UnderWay": shown}

    def aborted(self, ident: str) -> bool:
        """Whether the start of this container was called off."""
        return ident in self._aborted

    async def abort(self, ident: str) -> None:
        """Call off the start of a container, if there is one, and wait until it has given everything back."""
        task = self._tasks.get(ident)
        if task is None:
            return
        self._aborted.add(ident)
        task.cancel()
        _, late = await asyncio.wait([task], timeout=ABORT_SECONDS)
        if late:
            raise DeadlineExceeded(f"the start of container {ident} does not end: see the engine's log for its step")
