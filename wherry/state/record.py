"""The record of a container: frozen, whole, and all that a release may need to find what a step took."""

import enum

import msgspec

from wherry.model.container import ContainerConfig, EndpointSettings, HostConfig, MountPoint
from wherry.model.image import Descriptor
from wherry.model.usage import Usage


class Phase(enum.Enum):
    """Where a container is in its life; Docker's overlapping flags are a rendering (containers/render.py)."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    REMOVING = "removing"
    DEAD = "dead"


class PortMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A port of the host that leads to one of a container."""

    host_ip: str
    """`0.0.0.0` for every address of the host."""
    host_port: int
    container_port: int
    protocol: str
    """`tcp` or `udp`."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a container holds in one network while it runs; stored before it is taken."""

    network: str
    network_id: str
    endpoint_id: str
    driver: str
    interface: str = ""
    host_link: str = ""
    bridge: str = ""
    """Of records that do not name it: the default one."""
    address: str = ""
    prefix: int = 0
    gateway: str = ""
    """Empty where the network leads nowhere."""
    gw_priority: int = 0
    mac: str = ""
    dns_names: tuple[str, ...] = ()
    """By which containers of the network find it, the first is told for its address; none where names are unknown."""
    ports: tuple[PortMapping, ...] = ()


class GivenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A secret or config: a file that the engine writes and the container can only read."""

    target: str
    """Absolute path in the container."""
    data: bytes
    uid: int = 0
    gid: int = 0
    mode: int = 0o400


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A legacy link of a container to another one in the default bridge."""

    target: str
    """Id."""
    name: str
    """The target's name when the link was made: what is shown once it is gone."""
    alias: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the last start cost, in microseconds, and the step at which it failed."""

    steps: dict[str, int] = {}
    total: int = 0
    failed: str = ""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the end of the last run beyond its exit code."""

    by_engine: bool = False
    """The engine stopped it, at its own shutdown or boot."""
    unseen: bool = False
    """Nobody saw the process end: the exit code is a stand-in."""
    note: str = ""
    """What ended it, where the exit code does not tell."""
    victim: str = ""
    """The process that was killed for want of memory, `sh (pid 12)`."""
    usage: Usage | None = None


class Settling(msgspec.Struct, frozen=True, kw_only=True):
    """How the first process of a run ended, stored before anything of the run is released."""

    code: int
    at: int
    """Nanoseconds since the epoch."""
    unseen: bool = False
    note: str = ""
    usage: Usage | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a container. Times are nanoseconds since the epoch, 0 for never."""

    id: str
    name: str
    created: int
    config: ContainerConfig
    host_config: HostConfig
    endpoints_wished: dict[str, EndpointSettings]
    path: str
    args: list[str]
    image_id: str
    """Target digest of the image, `sha256:…`."""
    image_manifest: Descriptor
    """The platform's manifest."""
    image_chain: str
    """Chain id of the top layer: the parent of the container's snapshot."""
    platform: str = "linux"
    snapshotter: str = "overlayfs"
    mounts: tuple[MountPoint, ...] = ()
    files: tuple[GivenFile, ...] = ()
    """Secrets and configs. No request of the API asks for them: Swarm gives them to its tasks."""

    phase: Phase = Phase.CREATED
    rest: Phase = Phase.CREATED
    """Where a failed start returns to."""
    generation: int = 0
    """Number of the run; rises with every start."""
    direct: bool = False
    """Whether the keeper of the last run was its container's parent: the tier of `runtimes/direct.py`."""
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: int = 0
    started_on_boot_clock: int = 0
    """Nanoseconds of CLOCK_BOOTTIME at `started_at`, 0 when that was not noted."""
    finished_at: int = 0
    started_before: bool = False
    manually_stopped: bool = False
    apparmor_profile: str = ""
    """Of the last start; empty where the kernel has no AppArmor."""
    oom_killed: bool = False
    restart_count: int = 0

    sandbox_id: str = ""
    sandbox_key: str = ""
    links: tuple[Link, ...] = ()
    netfiles_of: str = ""
    """Whose hosts, hostname and resolv.conf it has, when it joined another container's network at its last start."""
    endpoints: tuple[Endpoint, ...] = ()
    network_ids: dict[str, str] = {}
    """Network name to id as of the last start; inspect shows it after a stop."""
    receipt: Receipt = Receipt()
    end: Ending = Ending()
    checkpoint: str = ""
    """The checkpoint that the last start restored, by name."""
    owed: tuple[str, ...] = ()
    """Names of steps whose release failed and is still due."""
    settling: Settling | None = None
    """Set while the end of a run is settled: its status survives the task and the daemon."""
    with_volumes: bool = False
    """Whether the removal that was begun takes its anonymous volumes too."""

    @property
    def alive(self) -> bool:
        """Whether its first process lives, frozen or not."""
        return self.phase in (Phase.RUNNING, Phase.PAUSED)
