"""The processes of a cgroup and of those below it: list, kill, remove (cgroups(7), cgroup-v1/freezer, cgroup-v2.rst).

A `group` is a path below every hierarchy's mount, such as `/docker/ID`.
"""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator

from wherry.base.errors import DeadlineExceeded
from wherry.host.cgroups import ROOT, parse_mounts
from wherry.host.errors import translate

KILL_SECONDS = 10.0
"""How long killed processes may take to leave."""
PAUSE_SECONDS = 0.002


class Groups:
    """The hierarchies of this machine, found once. All methods are blocking; a group that is not there is empty."""

    def __init__(self, root: str = ROOT, mountinfo: str = "/proc/self/mountinfo") -> None:
        """Look at the mounts below `root`."""
        with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
            mounts = parse_mounts(file.read(), root)
        self._roots = sorted(mount.path for mount in mounts.values() if mount.kind in ("cgroup", "cgroup2"))
        legacy = {option: mount.path for mount in mounts.values() for option in mount.options if mount.kind == "cgroup"}
        self._freezer = legacy.get("freezer", "")
        unified = [mount.path for mount in mounts.values() if mount.kind == "cgroup2"]
        self._memory = legacy.get("memory") or next(
            (path for path in unified if "memory" in _text(f"{path}/cgroup.controllers").split()), ""
        )

    def pids(self, group: str) -> list[int]:
        """Return every process, as the pid namespace of this process numbers them."""
        with translate("read the cgroup of a container"):
            return sorted({pid for path in self._paths(group) for pid in _pids(path)})

    def memory(self, group: str) -> str:
        """Return the directory that a group has where memory is limited, empty where it is not; whether it is there yet
        is not asked."""
        return f"{self._memory}{group}" if self._memory else ""

    def frozen(self, group: str) -> bool:
        """Tell whether the group is frozen, as pause leaves it."""
        if self._freezer:
            return _text(f"{self._freezer}{group}/freezer.state") in ("FROZEN", "FREEZING")
        return "frozen 1" in "".join(_text(f"{path}/cgroup.events") for path in self._paths(group))

    def kill(self, group: str) -> None:
        """SIGKILL every process and return when none is left; DeadlineExceeded after KILL_SECONDS."""
        deadline = time.monotonic() + KILL_SECONDS
        while pids := self.pids(group):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.thaw(group)
            if time.monotonic() > deadline:
                raise DeadlineExceeded(
                    f"processes {pids} of cgroup {group} do not end {KILL_SECONDS:.0f} s after SIGKILL: "
                    "see ps for state D"
                )
            time.sleep(PAUSE_SECONDS)

    def remove(self, group: str) -> None:
        """Remove the empty group and those below it from every hierarchy; System names what the kernel refuses."""
        with translate("remove the cgroup of a container"):
            for path in self._paths(group):
                for below, _, _ in os.walk(path, topdown=False):
                    _remove(below)

    def _paths(self, group: str) -> Iterator[str]:
        yield from (path for root in self._roots if os.path.isdir(path := f"{root}{group}"))

    def thaw(self, group: str) -> None:
        """Let what was killed die: a frozen process of version 1 cannot, one of version 2 can."""
        if self._freezer:
            with contextlib.suppress(FileNotFoundError), open(f"{self._freezer}{group}/freezer.state", "w") as file:
                file.write("THAWED")


def _pids(path: str) -> Iterator[int]:
    for below, _, _ in os.walk(path):
        for line in _text(f"{below}/cgroup.procs").split():
            yield int(line)


def _remove(path: str) -> None:
    """rmdir(2); EBUSY for the moment until the last process is reaped."""
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return ""
        raise
