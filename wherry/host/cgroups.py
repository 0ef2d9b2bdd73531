"""Which cgroups this machine has: cgroup v1, hybrid or v2, and which limits they can set (cgroups(7)).

Hybrid (v1 controllers beside an empty v2 tree) counts as version 1, as OCI runtimes treat it.
"""

import enum
import os
from dataclasses import dataclass

ROOT = "/sys/fs/cgroup"


class Mode(enum.Enum):
    """How the hierarchies are mounted."""

    NONE = "none"
    V1 = "v1"
    HYBRID = "hybrid"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The mode, the controllers that containers can use, and the limits that the kernel offers."""

    mode: Mode
    controllers: frozenset[str]
    memory: bool = False
    swap: bool = False
    swappiness: bool = False
    oom_kill_disable: bool = False
    cpu_shares: bool = False
    cpu_period: bool = False
    cpu_quota: bool = False
    cpu_realtime: bool = False
    cpuset: bool = False
    pids: bool = False
    blkio_weight: bool = False
    blkio_weight_device: bool = False
    blkio_read_bps: bool = False
    blkio_write_bps: bool = False
    blkio_read_iops: bool = False
    blkio_write_iops: bool = False
    cpuset_cpus: str = ""
    """CPUs that may be asked for, in the kernel's list format, and the memory nodes; empty where not known."""
    cpuset_mems: str = ""

    @property
    def version(self) -> int:
        """1 or 2, as the API and the OCI specification count."""
        return 2 if self.mode is Mode.V2 else 1

    @property
    def unified_in_use(self) -> bool:
        """Whether a hybrid tree has controllers of its own, which crun refuses."""
        return self.mode is Mode.HYBRID and bool(_words(f"{ROOT}/unified/cgroup.controllers"))


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount of mountinfo: where, of which file system, with which super options."""

    path: str
    kind: str
    options: frozenset[str]


def read_cgroups(root: str = ROOT, mountinfo: str = "/proc/self/mountinfo") -> Cgroups:
    """Look at the mounts below `root` and at the files of each hierarchy's root."""
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        mounts = parse_mounts(file.read(), root)
    top = mounts.get(root)
    if top is not None and top.kind == "cgroup2":
        return _unified(root)
    hierarchies = [mount for mount in mounts.values() if mount.kind == "cgroup"]
    if not hierarchies:
        return Cgroups(Mode.NONE, frozenset())
    hybrid = any(mount.kind == "cgroup2" for mount in mounts.values())
    return _legacy(hierarchies, Mode.HYBRID if hybrid else Mode.V1)


def parse_mounts(mountinfo: str, root: str = ROOT) -> dict[str, Mount]:
    """Return the mounts at and below `root` by path; of several on one path the last, which hides the others."""
    found: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        if len(fields) < 6 or len(tail) < 3:
            continue
        path = fields[4]
        if path == root:
            found.clear()
        if path == root or path.startswith(root + "/"):
            found[path] = Mount(path, tail[0], frozenset(tail[2].split(",")))
    return found


def _unified(root: str) -> Cgroups:
    controllers = frozenset(_words(f"{root}/cgroup.controllers"))
    cpu, disks = "cpu" in controllers, "io" in controllers
    return Cgroups(
        Mode.V2,
        controllers,
        memory="memory" in controllers,
        swap="memory" in controllers and _swap_in_children(root),
        cpu_shares=cpu,
        cpu_period=cpu,
        cpu_quota=cpu,
        cpuset="cpuset" in controllers,
        pids="pids" in controllers,
        blkio_weight=disks,
        blkio_weight_device=disks,
        blkio_read_bps=disks,
        blkio_write_bps=disks,
        blkio_read_iops=disks,
        blkio_write_iops=disks,
        cpuset_cpus=_text(f"{root}/cpuset.cpus.effective"),
        cpuset_mems=_text(f"{root}/cpuset.mems.effective"),
    )


def _swap_in_children(root: str) -> bool:
    """The root group has no memory.swap.max, so look one level below; without a child the kernel's swap decides."""
    with os.scandir(root) as entries:
        children = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    limited = [child for child in children if os.path.exists(f"{child}/memory.max")]
    if limited:
        return any(os.path.exists(f"{child}/memory.swap.max") for child in limited)
    return os.path.exists("/proc/swaps")


def _legacy(hierarchies: list[Mount], mode: Mode) -> Cgroups:
    known = _kernel_controllers()
    where = {name: mount.path for mount in hierarchies for name in mount.options & known}

    def has(controller: str, file: str) -> bool:
        return controller in where and os.path.exists(f"{where[controller]}/{file}")

    return Cgroups(
        mode,
        frozenset(where),
        memory=has("memory", "memory.limit_in_bytes"),
        swap=has("memory", "memory.memsw.limit_in_bytes"),
        swappiness=has("memory", "memory.swappiness"),
        oom_kill_disable=has("memory", "memory.oom_control"),
        cpu_shares=has("cpu", "cpu.shares"),
        cpu_period=has("cpu", "cpu.cfs_period_us"),
        cpu_quota=has("cpu", "cpu.cfs_quota_us"),
        cpu_realtime=has("cpu", "cpu.rt_runtime_us"),
        cpuset=has("cpuset", "cpuset.cpus"),
        pids="pids" in where,
        blkio_weight=has("blkio", "blkio.weight"),
        blkio_weight_device=has("blkio", "blkio.weight_device"),
        blkio_read_bps=has("blkio", "blkio.throttle.read_bps_device"),
        blkio_write_bps=has("blkio", "blkio.throttle.write_bps_device"),
        blkio_read_iops=has("blkio", "blkio.throttle.read_iops_device"),
        blkio_write_iops=has("blkio", "blkio.throttle.write_iops_device"),
        cpuset_cpus=_text(f"{where['cpuset']}/cpuset.effective_cpus") if "cpuset" in where else "",
        cpuset_mems=_text(f"{where['cpuset']}/cpuset.effective_mems") if "cpuset" in where else "",
    )


def _kernel_controllers() -> frozenset[str]:
    """Every controller that the kernel was built with (/proc/cgroups), to tell them from mount options."""
    with open("/proc/cgroups", encoding="ascii") as file:
        return frozenset(line.split()[0] for line in file if not line.startswith("#"))


def _words(path: str) -> list[str]:
    return _text(path).split()


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""
