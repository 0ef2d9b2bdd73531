"""A single-threaded loop over epoll(7) with timers: what a keeper does between two events is nothing."""

import heapq
import itertools
import select
import time
from collections.abc import Callable
from typing import Final

IN: Final = select.EPOLLIN
OUT: Final = select.EPOLLOUT
HANGUP: Final = select.EPOLLHUP | select.EPOLLERR

Ready = Callable[[int], None]


class Timer:
    """A call that is due at a time of the monotonic clock."""

    def __init__(self, call: Callable[[], None]) -> None:
        """Take the call."""
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Drop the call; twice is fine."""
        self.call = None


class Reactor:
    """Calls back when a descriptor is ready or a time has come."""

    def __init__(self) -> None:
        """Begin with nothing to watch."""
        self._epoll = select.epoll()
        self._ready: dict[int, Ready] = {}
        self._masks: dict[int, int] = {}
        self._stale: set[int] = set()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._running = True

    def watch(self, fd: int, mask: int, ready: Ready) -> None:
        """Call `ready` with the events; errors and hang-ups are told with any mask, 0 too."""
        self._epoll.register(fd, mask)
        self._ready[fd] = ready
        self._masks[fd] = mask

    def change(self, fd: int, mask: int) -> None:
        """Ask for other events."""
        if self._masks[fd] != mask:
            self._epoll.modify(fd, mask)
            self._masks[fd] = mask

    def watches(self, fd: int) -> bool:
        """Tell whether the descriptor is watched."""
        return fd in self._ready

    def forget(self, fd: int) -> None:
        """Stop watching, before the descriptor is closed; one that is not watched is fine."""
        if self._ready.pop(fd, None) is not None:
            del self._masks[fd]
            self._epoll.unregister(fd)
            self._stale.add(fd)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once, that many seconds from now."""
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._count), timer))
        return timer

    def stop(self) -> None:
        """Return from `run` after the present callback."""
        self._running = False

    def run(self) -> None:
        """Serve until `stop`."""
        while self._running:
            self._stale.clear()
            for fd, events in self._epoll.poll(self._next_due()):
                # A descriptor that an earlier callback of this batch forgot may already be another file.
                ready = self._ready.get(fd)
                if ready is not None and fd not in self._stale:
                    ready(events)
            self._fire()

    def _next_due(self) -> float | None:
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _fire(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.call is not None:
                timer.call()
