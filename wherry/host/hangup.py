"""Notice that the peer of a socket is gone without reading from it: epoll with an empty event mask (epoll_ctl(2)).

Data that waits in the socket stays there for the later owner, and does not wake anybody.
"""

import asyncio
import select
from collections.abc import Callable


class HangupWatch:
    """Calls back once for each watched descriptor whose peer has closed both directions."""

    def __init__(self) -> None:
        """Begin with nothing watched; must run in the event loop."""
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._ready)

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Watch a descriptor until it hangs up or is forgotten."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, 0)

    def forget(self, fd: int) -> None:
        """Stop watching; call it before the descriptor is closed or given away."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Stop watching everything."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._callbacks.clear()

    def _ready(self) -> None:
        for fd, _ in self._epoll.poll(0):
            callback = self._callbacks.get(fd)
            self.forget(fd)
            if callback is not None:
                callback()
