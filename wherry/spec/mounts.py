"""The mounts of a container, in the order in which the runtime makes them (start.md 5.1, 5.7).

First what every container has, then the user's and the network files by depth, so that nothing hides a mount below
it. A user's mount replaces a default one on the same path.
"""

import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

from wherry.base.errors import InvalidParameter, System
from wherry.model.container import HostConfig, MountPoint
from wherry.spec.cdi import build_cdi_mounts
from wherry.spec.facts import EngineFacts, Facts
from wherry.spec.security import SecurityOptions
from wherry.spec.tmpfs import merge_options
from wherry.state.record import Record

Mount = dict[str, Any]

INIT = "/sbin/docker-init"
"""Where the init binary appears; Docker's name, since images look for it."""
SHM = "/dev/shm"

MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def masked_paths(engine: EngineFacts) -> list[str]:
    """Return the paths hidden from a container that says nothing about them."""
    return sorted((*MASKED, *engine.thermal_paths))


def readonly_paths() -> list[str]:
    """Return the paths a container that says nothing about them can only read."""
    return list(READONLY)


def build_mounts(rec: Record, facts: Facts, security: SecurityOptions) -> list[Mount]:
    """Return `mounts`.

    InvalidParameter for a tmpfs option or an `rro` that cannot be, System if an init is wanted and there is none.
    """
    asked = _asked(rec, facts)
    taken = {mount["destination"] for mount in asked}
    below_dev = "/dev" in taken
    defaults = [
        mount
        for mount in _defaults(rec.host_config, security)
        if mount["destination"] not in taken and not (below_dev and mount["destination"].startswith("/dev/"))
    ]
    return [*defaults, *_init(rec.host_config, facts.engine), *asked]


def rootfs_propagation(mounts: Sequence[MountPoint]) -> str:
    """Return `linux.rootfsPropagation`: the root must let through what a mount shares or receives; empty if none."""
    words = {point.propagation for point in mounts}
    if words & {"shared", "rshared"}:
        return "shared"
    return "rslave" if words & {"slave", "rslave"} else ""


def wants_init(host_config: HostConfig, engine: EngineFacts) -> bool:
    """Whether an init process stands before the user's; never in a PID namespace that is not its own."""
    wanted = engine.default_init if host_config.init is None else host_config.init
    return wanted and not host_config.pid_mode


def _defaults(host_config: HostConfig, security: SecurityOptions) -> list[Mount]:
    system = [] if host_config.privileged else ["ro"]
    writable = security.writable_cgroups if security.writable_cgroups is not None else host_config.privileged
    cgroup = ["nosuid", "noexec", "nodev"] if writable else ["ro", "nosuid", "noexec", "nodev"]
    shm = ["nosuid", "noexec", "nodev", "mode=1777", f"size={host_config.shm_size}"]
    devices = ["nosuid", "strictatime", "mode=755", "size=65536k"]
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    mounts = [
        _mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
        _mount("/dev", "tmpfs", "tmpfs", devices),
        _mount("/dev/pts", "devpts", "devpts", terminals),
        _mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", *system]),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", cgroup),
        _mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ]
    if host_config.ipc_mode != "none":
        mounts.append(_mount(SHM, "tmpfs", "shm", shm))
    return mounts


def _mount(destination: str, kind: str, source: str, options: list[str]) -> Mount:
    return {"destination": destination, "type": kind, "source": source, "options": options}


def _init(host_config: HostConfig, engine: EngineFacts) -> list[Mount]:
    if not wants_init(host_config, engine):
        return []
    if not engine.init_path:
        raise System("an init process was asked for (--init), but no docker-init or tini was found on this host")
    return [_mount(INIT, "bind", engine.init_path, ["bind", "ro"])]


def _asked(rec: Record, facts: Facts) -> list[Mount]:
    """What the user and the engine bind, parents before children."""
    tmpfs = {_clean(path): options for path, options in (rec.host_config.tmpfs or {}).items()}
    points = [point for point in facts.mounts if _clean(point.destination) not in tmpfs]
    recursive = rec.host_config.runtime in facts.engine.recursive_readonly
    mounts = [
        *(_tmpfs(path, options.split(",")) for path, options in tmpfs.items()),
        *(_point(point, recursive, point.destination in facts.single_files) for point in points),
    ]
    taken = {mount["destination"] for mount in mounts}
    others = [*_engine_binds(rec, facts), *build_cdi_mounts(facts.edits, rec.host_config.readonly_rootfs)]
    mounts += [mount for mount in others if mount["destination"] not in taken]
    return sorted(mounts, key=_depth)


def _depth(mount: Mount) -> int:
    return len([part for part in mount["destination"].split("/") if part])


def _clean(path: str) -> str:
    return "/" + posixpath.normpath(f"/{path}").lstrip("/")


def _tmpfs(destination: str, options: Iterable[str]) -> Mount:
    return _mount(destination, "tmpfs", "tmpfs", merge_options(list(options)))


def _point(point: MountPoint, recursive: bool, single: bool) -> Mount:
    destination = _clean(point.destination)
    if point.type == "tmpfs":
        return _tmpfs(destination, point.options or ())
    options = ["rbind" if point.recursive else "bind"]
    if not point.rw:
        options.append("ro" if single and recursive else _readonly(point, recursive))
    if point.propagation:
        options.append(point.propagation)
    return _mount(destination, "bind", point.source, options)


def _readonly(point: MountPoint, recursive: bool) -> str:
    """Read-only with all that is mounted below where that can be had; the mount's own word insists on one of both."""
    if point.options == ["rro"] and not recursive:
        raise InvalidParameter(
            f"mount {point.destination}: rro is not supported by this kernel or runtime, "
            "and BindOptions.ReadOnlyForceRecursive insists on it"
        )
    return point.options[0] if point.options else "rro" if recursive else "ro"


def _engine_binds(rec: Record, facts: Facts) -> list[Mount]:
    """Shared memory that others can join, secrets and configs, and the network files.

    The latter are single files, see `Facts.single_files`.
    What the engine's own shared memory is mounted with is said again, because crun takes away what is not.
    """
    files = facts.netfiles
    readonly = ["ro"] if rec.host_config.readonly_rootfs else []
    binds: list[tuple[str, str, list[str]]] = [
        (facts.shm, SHM, [] if facts.shm == SHM else ["nosuid", "noexec", "nodev"]),
        *((source, path, ["ro"]) for source, path in facts.files),
        (files.resolv_conf, "/etc/resolv.conf", readonly),
        (files.hostname, "/etc/hostname", readonly),
        (files.hosts, "/etc/hosts", readonly),
    ]
    return [_mount(path, "bind", source, ["rbind", *word, "rprivate"]) for source, path, word in binds if source]
