"""What a spec is built from besides the record: facts that the steps of a start found, as plain frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wherry.model.container import MountPoint, Ulimit
from wherry.spec.cdi import Edits
from wherry.spec.selinux import Labels


@dataclass(frozen=True, slots=True)
class UserIds:
    """Who the first process is, as numbers of the container's own user database."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = (0,)
    """The primary group first (start.md 5.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device node as stat(2) shows it on the host, under the path it gets in the container.

    None leaves the mode to the runtime, and owner and group to the container's user.
    """

    path: str
    kind: str
    """`c`, `b` or `p`."""
    major: int
    minor: int
    mode: int | None
    """Permission bits without the type."""
    uid: int | None = 0
    gid: int | None = 0
    access: str = "rwm"
    """What the device cgroup allows; a privileged container ignores it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetFiles:
    """Host paths of the files that name the network; empty when a file does not exist."""

    resolv_conf: str = ""
    hostname: str = ""
    hosts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What holds for every container of this engine: the machine, the runtime and the daemon's defaults.

    Gathered once at boot, and again when the configuration is reloaded.
    """

    arch: str
    """As Go names it: amd64, arm64."""
    kernel: tuple[int, int]
    """Version and patch level, `(6, 1)`."""
    hostname: str
    capabilities: tuple[str, ...]
    """The daemon's effective ones by number: what privileged and ALL mean here (caps.from_mask)."""
    cgroup_version: int
    """1 also for the hybrid hierarchy, whose controllers are mounted as version 1."""
    cgroup_driver: str = "cgroupfs"
    cgroup_parent: str = ""
    seccomp: bool = True
    """The kernel has seccomp filters."""
    seccomp_profile: str = ""
    """The daemon's own: empty for the built-in one, `unconfined`, or the text of a profile."""
    apparmor: bool = False
    no_new_privileges: bool = False
    time_namespaces: bool = False
    """Both the kernel (5.6) and the runtime have them."""
    recursive_readonly: frozenset[str] = frozenset()
    """Runtimes whose `features` list `rro` (crun 1.8 has no such command); none on a kernel before 5.12."""
    cpu_realtime: bool = False
    cpu_rt_period: int = 0
    """What the parents of containers' cgroups get of real time, in microseconds; 0 leaves them alone."""
    cpu_rt_runtime: int = 0
    sysctls: frozenset[str] = frozenset()
    """Those of namespaces.NETWORK_DEFAULTS that exist below /proc/sys."""
    thermal_paths: tuple[str, ...] = ()
    """Existing `/sys/devices/system/cpu/cpu<N>/thermal_throttle`."""
    default_ulimits: tuple[Ulimit, ...] = ()
    cdi_dirs: tuple[str, ...] = ()
    """Where files of the Container Device Interface are; a later one wins."""
    default_init: bool = False
    init_path: str = ""
    """The init binary on the host; empty when none was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What holds for one start."""

    engine: EngineFacts
    rootfs: str
    """Absolute path of the mounted root filesystem."""
    user: UserIds = UserIds()
    netns: str | None = None
    """Path of the pinned network namespace; None shares the host's."""
    mounts: tuple[MountPoint, ...] = ()
    """Realised: every source exists (volumes.realise)."""
    netfiles: NetFiles = NetFiles()
    shm: str = ""
    """Host path bound on /dev/shm for the IPC modes shareable, host and container; empty for a tmpfs of its own."""
    files: tuple[tuple[str, str], ...] = ()
    """Host path and destination of each secret and config."""
    env: tuple[str, ...] = ()
    """Variables that legacy links give; the container's own of the same name win."""
    devices: tuple[Device, ...] = ()
    """HostConfig.Devices resolved; for a privileged container all of the host's and those."""
    disks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Major and minor of the block devices that limits name, by the path they are called by."""
    edits: Edits = Edits()
    """What the devices of HostConfig.DeviceRequests change, all together."""
    cdi_devices: tuple[Device, ...] = ()
    """The nodes of those edits, resolved."""
    single_files: frozenset[str] = frozenset()
    """Destinations of read-only binds that are no directories: `ro` says all there, and crun 1.8 refuses `rro`."""
    selinux: Labels | None = None
    """What the policy gives this container, at a level of its own; None where SELinux is off."""
    joined: Mapping[str, str] = field(default_factory=dict)
    """Namespace type (`pid`, `ipc`) to the path of the one to join, for the modes `container:`."""
