"""Starts under way, so that a kill or a forced removal can end one that is stuck."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from wherry.base.errors import DeadlineExceeded

ABORT_SECONDS = 60.0
"""How long the undo of a start that was called off may take: each of its releases has a deadline of its own."""


class UnderWay:
    """The task of each start by container id."""

    def __init__(self, near: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext) -> None:
        """Begin with none. Each start is `near` the move of its container to a cgroup (host/moves.py)."""
        self._near = near
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._aborted: set[str] = set()

    @contextlib.contextmanager
    def start(self, ident: str) -> Iterator[None]:
        """The running task starts this container meanwhile."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks[ident] = task
        try:
            with self._near():
                yield
        finally:
            self._tasks.pop(ident, None)
            self._aborted.discard(ident)

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
