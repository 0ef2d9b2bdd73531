"""Moves of processes between cgroups, made cheap while one is near.

A move writes under a lock that every fork and exit of the machine reads (cgroup_threadgroup_rwsem). When nobody has
written lately, the kernel first waits for a grace period of RCU (percpu_down_write, rcu_sync_enter): 8 or 16 ms on an
idle machine. Within ten milliseconds of another move the next takes 40 us. So while a runtime is about to move its
container, this process is moved to where it is already, beside everything else, and the runtime finds the lock ready.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator

from wherry.host.cgroups import ROOT

INTERVAL = 0.005
"""Seconds between two moves: half of what one lasts."""
FEW = 4
"""With more starts at once the machine is busy, and a wait of one is the time of another."""
SOON = 0.05
"""Seconds in which what was created is started, if by the same client (`docker run`, `docker exec`)."""
SECONDS = 1.0
"""How long after the last start began the moves go on, if it does not come to its end."""

log = logging.getLogger("wherry.moves")


class Moves:
    """Moves for all starts that are near their own, by a thread that lives while one is: the loop is not woken."""

    def __init__(self, path: str, move: Callable[[str], None], few: int = FEW, seconds: float = SECONDS) -> None:
        """Take a `cgroup.procs`, empty for none, and what moves this process there."""
        self._few = few
        self._seconds = seconds
        self._path = path
        self._move = move
        self._near = 0
        self._until = 0.0
        self._soon = 0.0
        self._changing = threading.Lock()
        self._far = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def near(self) -> Iterator[None]:
        """Within this block a process is going to be moved."""
        with self._changing:
            self._near += 1
            self._until = time.monotonic() + self._seconds
            self._begin()
        try:
            yield
        finally:
            with self._changing:
                self._near -= 1
                if not self._near:
                    self._soon = 0.0
                    self._far.set()

    def soon(self) -> None:
        """What was created now may be started at once."""
        with self._changing:
            self._soon = time.monotonic() + SOON
            self._begin()

    def _begin(self) -> None:
        self._far.clear()
        if self._path and self._thread is None:
            self._thread = threading.Thread(target=self._keep_ready, name="moves", daemon=True)
            self._thread.start()

    def _keep_ready(self) -> None:
        try:
            while self._goes_on():
                if self._near <= self._few:
                    self._move(self._path)
                self._far.wait(INTERVAL)
        except OSError as error:
            log.info("starts wait for the kernel's lock of cgroups: %s: %s", self._path, error.strerror)
            with self._changing:
                self._path, self._thread = "", None

    def _goes_on(self) -> bool:
        """Tell whether a start is near; else the thread is given up, under the lock, so that the next makes its own."""
        with self._changing:
            if time.monotonic() < (self._until if self._near else self._soon):
                return True
            self._thread = None
            return False


def own_cgroup(root: str = ROOT, listed: str = "/proc/self/cgroup") -> str:
    """Return the `cgroup.procs` of this process in some hierarchy that it may write to, else empty (cgroups(7))."""
    with open(listed, encoding="utf-8", errors="surrogateescape") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in lines:
        found = os.path.join(root, controllers.removeprefix("name="), path.strip("/"), "cgroup.procs")
        if os.access(found, os.W_OK):
            return found
    return ""


def move_here(path: str) -> None:
    """Move this process to a cgroup; OSError when the kernel refuses."""
    with open(path, "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
