"""Where a container stands in the cgroup tree and what limits it there (start.md 5.3, 5.9)."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.model.container import HostConfig, ThrottleDevice
from wherry.spec.facts import EngineFacts

CFS_PERIOD = 100_000
"""Microseconds; the period that NanoCpus is a share of."""
NANO = 1_000_000_000
CGROUPFS = "cgroupfs"
SYSTEMD = "systemd"
SLICE = ".slice"

Disks = Mapping[str, tuple[int, int]]
"""Major and minor of block devices by the path that a request calls them."""


def check_slice(parent: str) -> None:
    """InvalidParameter in Docker's words for a parent that is no slice of systemd; empty says nothing."""
    if parent and not (parent.endswith(SLICE) and len(parent) > len(SLICE)):
        raise InvalidParameter(f'cgroup-parent for systemd cgroup should be a valid slice named as "xxx{SLICE}"')


def cgroups_path(ident: str, host_config: HostConfig, engine: EngineFacts) -> str:
    """Return `linux.cgroupsPath`; the container's parent wins over the daemon's."""
    parent = host_config.cgroup_parent or engine.cgroup_parent
    if engine.cgroup_driver == SYSTEMD:
        return f"{parent or 'system.slice'}:docker:{ident}"
    return posixpath.normpath(f"{parent or '/docker'}/{ident}")


def group_path(path: str) -> str:
    """Return where a `linux.cgroupsPath` is below a hierarchy's mount; systemd's `slice:prefix:name` is a scope.

    A slice named `a-b.slice` lies in `a.slice` (systemd.slice(5)).
    """
    if path.count(":") != 2:
        return path if path.startswith("/") else f"/{path}"
    slice_, prefix, name = path.split(":")
    stems = slice_.removesuffix(".slice").split("-")
    nested = "".join(f"/{'-'.join(stems[: depth + 1])}.slice" for depth in range(len(stems)) if stems != [""])
    return f"{nested}/{prefix}-{name}.scope"


def parent_group(ident: str, host_config: HostConfig, engine: EngineFacts) -> str:
    """Return the group that a container's own stands in, below a hierarchy's mount."""
    return posixpath.dirname(group_path(cgroups_path(ident, host_config, engine)))


def build_limits(host_config: HostConfig, disks: Disks, engine: EngineFacts) -> dict[str, Any]:
    """Return `linux.resources` but for devices; groups without a value are left out, as is what version 2 lacks."""
    groups = {
        "memory": _memory(host_config, engine),
        "cpu": _cpu(host_config, engine),
        "pids": _pids(host_config),
        "blockIO": _block_io(host_config, disks),
    }
    return {name: group for name, group in groups.items() if group}


def _block_io(wanted: HostConfig, disks: Disks) -> dict[str, Any]:
    weights = [_disk(disks, entry.path) | {"weight": entry.weight} for entry in wanted.blkio_weight_device or ()]
    groups: dict[str, Any] = {
        "weight": wanted.blkio_weight,
        "weightDevice": weights,
        "throttleReadBpsDevice": _rates(wanted.blkio_device_read_bps, disks),
        "throttleWriteBpsDevice": _rates(wanted.blkio_device_write_bps, disks),
        "throttleReadIOPSDevice": _rates(wanted.blkio_device_read_iops, disks),
        "throttleWriteIOPSDevice": _rates(wanted.blkio_device_write_iops, disks),
    }
    return {name: group for name, group in groups.items() if group}


def _rates(entries: Sequence[ThrottleDevice] | None, disks: Disks) -> list[dict[str, int]]:
    return [_disk(disks, entry.path) | {"rate": entry.rate} for entry in entries or ()]


def _disk(disks: Disks, path: str) -> dict[str, int]:
    major, minor = disks[path]
    return {"major": major, "minor": minor}


def _memory(wanted: HostConfig, engine: EngineFacts) -> dict[str, Any]:
    """A limit of 0 means none; a swap of -1 means no limit, which is written by leaving it out."""
    limits: dict[str, Any] = {
        "limit": wanted.memory,
        "reservation": wanted.memory_reservation,
        "swap": wanted.memory_swap,
    }
    memory = {name: value for name, value in limits.items() if value > 0}
    if engine.cgroup_version == 1:
        if wanted.memory_swappiness is not None and wanted.memory_swappiness >= 0:
            memory["swappiness"] = wanted.memory_swappiness
        if wanted.oom_kill_disable is not None:
            memory["disableOOMKiller"] = wanted.oom_kill_disable
    return memory


def _cpu(wanted: HostConfig, engine: EngineFacts) -> dict[str, Any]:
    share = wanted.nano_cpus * CFS_PERIOD // NANO
    cpu: dict[str, Any] = {
        "shares": wanted.cpu_shares,
        "quota": wanted.cpu_quota or share,
        "period": wanted.cpu_period or (CFS_PERIOD if share else 0),
        "cpus": wanted.cpuset_cpus,
        "mems": wanted.cpuset_mems,
    }
    if engine.cpu_realtime:
        cpu |= {"realtimeRuntime": wanted.cpu_realtime_runtime, "realtimePeriod": wanted.cpu_realtime_period}
    return {name: value for name, value in cpu.items() if value}


def _pids(wanted: HostConfig) -> dict[str, Any]:
    if wanted.pids_limit is None:
        return {}
    return {"limit": wanted.pids_limit if wanted.pids_limit > 0 else -1}
