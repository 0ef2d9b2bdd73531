"""The supervisor of background work: every flow has an owner, a name, and an end that somebody sees."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger("wherry.tasks")


class Supervisor:
    """Owns flows that outlive the request that began them."""

    def __init__(self) -> None:
        """Begin with no flow."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle: set[asyncio.Task[Any]] = set()
        self._draining = False

    def spawn(self, flow: Coroutine[Any, Any, object], name: str) -> None:
        """Run a flow that nobody waits for; its failure is logged."""
        _ = self.begin(flow, name)

    def begin(self, flow: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """The same for a flow that may be called off: cancel the task."""
        task = self._begin(flow, name)
        task.add_done_callback(_say_failure)
        return task

    def _begin(self, flow: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(flow, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def run(self, flow: Coroutine[Any, Any, T], name: str) -> T:
        """Run a flow to its end even if the caller is cancelled (a client that hangs up)."""
        return await asyncio.shield(self._begin(flow, name))

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """The running flow only waits meanwhile, maybe for days: a drain does not wait for it."""
        task = asyncio.current_task()
        assert task is not None
        self._idle.add(task)
        if self._draining:
            task.cancel()
        try:
            yield
        finally:
            self._idle.discard(task)

    @property
    def draining(self) -> bool:
        """Whether a drain has begun."""
        return self._draining

    async def drain(self, seconds: float) -> list[str]:
        """End what only waits, wait for all other flows, then cancel the rest; returns the names of the rest."""
        self._draining = True
        for task in self._idle:
            task.cancel()
        if not self._tasks:
            return []
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=seconds)
        return sorted(task.get_name() for task in late)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: the caller has it, unless it hung up


def _say_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s failed: %r", task.get_name(), error, exc_info=error)


async def finish(flow: Coroutine[Any, Any, T]) -> T:
    """Run a flow to its end though the caller is cancelled meanwhile; the cancellation is raised afterwards.

    For undo: a release that was begun is never cut in two.
    """
    task = asyncio.ensure_future(flow)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return task.result()
