"""Real-time CPU shares of parent groups, which cgroup v1 hands down by hand (sched-rt-group.rst).

A group has none until its parent gives it some, so every group on the way from the root is written, outermost first.
"""

import contextlib
import os
from collections.abc import Iterator

from wherry.base.errors import System
from wherry.host.cgroups import ROOT


def give_realtime(group: str, period: int, runtime: int, root: str = f"{ROOT}/cpu") -> None:
    """Make the group (`/docker`) and its parents, each with these microseconds; 0 leaves a value alone (blocking).

    System in Docker's words when the kernel refuses it, as it does when a parent has less to give.
    """
    path = root
    for name in group.strip("/").split("/"):
        path = f"{path}/{name}"
        with _trying("mkdir", path):
            os.makedirs(path, exist_ok=True)
        for file, value in (("cpu.rt_period_us", period), ("cpu.rt_runtime_us", runtime)):
            if value:
                _write(f"{path}/{file}", str(value))


def _write(path: str, text: str) -> None:
    with _trying("open", path):
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        with _trying("write", path):
            os.write(fd, text.encode())
    finally:
        os.close(fd)


@contextlib.contextmanager
def _trying(verb: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise System(f"unable to init CPU RT controller: {verb} {path}: {reason}") from error
