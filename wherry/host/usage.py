"""What a cgroup has used: read from its files, which live until the container's task is deleted.

Source: the kernel's Documentation/admin-guide/cgroup-v1 (cpuacct, memory, blk-throttle) and cgroup-v2.rst. With
version 1 the writes that go through the page cache count for nobody, so only direct writes are seen there.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from wherry.host.cgroups import ROOT, parse_mounts
from wherry.model.usage import Usage

MICROSECOND = 1000
"""In nanoseconds."""


class Accounts:
    """The hierarchies of this machine, found once; `read` is blocking and takes about 0.1 ms."""

    def __init__(self, root: str = ROOT, mountinfo: str = "/proc/self/mountinfo") -> None:
        """Look at the mounts below `root`."""
        mounts = parse_mounts(Path(mountinfo).read_text(encoding="utf-8", errors="surrogateescape"), root)
        top = mounts.get(root)
        self._unified = root if top is not None and top.kind == "cgroup2" else ""
        legacy = [mount for mount in mounts.values() if mount.kind == "cgroup"]
        self._legacy = {option: mount.path for mount in legacy for option in mount.options}

    def read(self, group: str) -> Usage | None:
        """Return what a cgroup (`/docker/ID`) has used, None when it is gone or this machine accounts for nothing."""
        if self._unified:
            path = f"{self._unified}/{group.lstrip('/')}"
            return _unified(path) if os.path.isdir(path) else None
        paths = {name: f"{path}/{group.lstrip('/')}" for name, path in self._legacy.items()}
        if not any(os.path.isdir(paths[name]) for name in ("cpuacct", "memory", "blkio") if name in paths):
            return None
        return _legacy(paths)


def _unified(path: str) -> Usage:
    cpu = dict(_pairs(f"{path}/cpu.stat"))
    moved = list(_moved_unified(f"{path}/io.stat"))
    return Usage(
        cpu_total=_scaled(cpu.get("usage_usec")),
        cpu_user=_scaled(cpu.get("user_usec")),
        cpu_system=_scaled(cpu.get("system_usec")),
        memory_peak=_number(f"{path}/memory.peak"),
        read_bytes=sum(read for read, _ in moved) if os.path.exists(f"{path}/io.stat") else None,
        write_bytes=sum(write for _, write in moved) if os.path.exists(f"{path}/io.stat") else None,
    )


def _legacy(paths: dict[str, str]) -> Usage:
    cpu, memory, blkio = (paths.get(name, "") for name in ("cpuacct", "memory", "blkio"))
    moved = dict(_moved_legacy(f"{blkio}/blkio.throttle.io_service_bytes_recursive")) if blkio else {}
    return Usage(
        cpu_total=_number(f"{cpu}/cpuacct.usage") if cpu else None,
        cpu_user=_number(f"{cpu}/cpuacct.usage_user") if cpu else None,
        cpu_system=_number(f"{cpu}/cpuacct.usage_sys") if cpu else None,
        memory_peak=_number(f"{memory}/memory.max_usage_in_bytes") if memory else None,
        read_bytes=moved.get("Read", 0) if blkio else None,
        write_bytes=moved.get("Write", 0) if blkio else None,
    )


def _moved_unified(path: str) -> Iterator[tuple[int, int]]:
    """Yield bytes read and written per device: `254:0 rbytes=4096 wbytes=0 rios=1 …`."""
    for line in _lines(path):
        counts = dict(part.partition("=")[::2] for part in line.split()[1:])
        yield int(counts.get("rbytes", "0")), int(counts.get("wbytes", "0"))


def _moved_legacy(path: str) -> Iterator[tuple[str, int]]:
    """Yield operation and bytes of all devices together: of lines such as `254:0 Read 4096`."""
    total: dict[str, int] = {}
    for line in _lines(path):
        words = line.split()
        if len(words) == 3:
            total[words[1]] = total.get(words[1], 0) + int(words[2])
    yield from total.items()


def _pairs(path: str) -> Iterator[tuple[str, int]]:
    for line in _lines(path):
        key, _, value = line.partition(" ")
        yield key, int(value)


def _scaled(microseconds: int | None) -> int | None:
    return None if microseconds is None else microseconds * MICROSECOND


def _number(path: str) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines else None


def _lines(path: str) -> list[str]:
    """Return the lines of a file; none where this kernel has no such file or the group went meanwhile (ENODEV)."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().splitlines()
    except OSError:
        return []
