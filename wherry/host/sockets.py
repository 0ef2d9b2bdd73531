"""Writing to a socket that was taken away from the HTTP server."""

import os
import select
import time


def write_all(fd: int, data: bytes, seconds: float) -> None:
    """Write everything (blocking, call it through offload); TimeoutError after `seconds`, OSError if the peer left."""
    deadline = time.monotonic() + seconds
    view = memoryview(data)
    os.set_blocking(fd, False)
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError("the client does not read") from None
