"""What create fills in when the client is silent: daemon defaults, kernel facts, and the image's config.

Sources: api-containers.md 3.3 (merge), 3.4 (stored HostConfig), 4.1 (log driver); start.md 5.2.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.base.signals import parse_signal
from wherry.host.cgroups import Cgroups
from wherry.host.facts import HostFacts
from wherry.model.container import ContainerConfig, HealthConfig, HostConfig, LogConfig
from wherry.model.image import Platform
from wherry.spec.cgroups import CGROUPFS

Version = tuple[int, int]
"""An API version, such as (1, 51)."""

NO_LABEL = "label=disable"
PORT_MAX = 65535

_PORT = re.compile(r"([0-9]{1,5})(?:/(?:tcp|udp|sctp))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kernel:
    """What this kernel, its cgroups and the engine's own rights offer; wired from the facts of the host."""

    cgroup_version: int = 2
    cpus: int = 1
    cpuset_cpus: str = "0"
    """CPUs that may be asked for, in the kernel's list format; so are the memory nodes."""
    cpuset_mems: str = "0"
    memory: bool = True
    swap: bool = True
    swappiness: bool = False
    oom_kill_disable: bool = False
    pids: bool = True
    cpu_shares: bool = True
    cpu_cfs: bool = True
    cpu_realtime: bool = False
    cpuset: bool = True
    blkio: frozenset[str] = frozenset()
    """Of the limits of block I/O those that can be set, by their fields in HostConfig."""
    cgroup_namespaces: bool = True
    capabilities: frozenset[str] = frozenset()
    """Capabilities that the engine can hand on, `CAP_CHOWN` and so on."""
    ipv4_forwarding: bool = True

    @classmethod
    def of(cls, host: HostFacts, cpuset: tuple[str, str], capabilities: Iterable[str], forwarding: bool) -> "Kernel":
        """Take the facts of a host; `cpuset` is the online CPUs and memory nodes in the kernel's list format."""
        cgroups = host.cgroups
        return cls(
            cgroup_version=cgroups.version,
            cpus=host.cpus,
            cpuset_cpus=cpuset[0],
            cpuset_mems=cpuset[1],
            memory=cgroups.memory,
            swap=cgroups.swap,
            swappiness=cgroups.memory and cgroups.version == 1,
            oom_kill_disable=cgroups.oom_kill_disable,
            pids=cgroups.pids,
            cpu_shares=cgroups.cpu_shares,
            cpu_cfs=cgroups.cpu_period and cgroups.cpu_quota,
            cpu_realtime=cgroups.cpu_realtime,
            cpuset=cgroups.cpuset,
            blkio=_blkio(cgroups),
            cgroup_namespaces=host.cgroup_namespaces,
            capabilities=frozenset(capabilities),
            ipv4_forwarding=forwarding,
        )


def _blkio(cgroups: Cgroups) -> frozenset[str]:
    offered = {
        "blkio_weight": cgroups.blkio_weight,
        "blkio_weight_device": cgroups.blkio_weight_device,
        "blkio_device_read_bps": cgroups.blkio_read_bps,
        "blkio_device_write_bps": cgroups.blkio_write_bps,
        "blkio_device_read_iops": cgroups.blkio_read_iops,
        "blkio_device_write_iops": cgroups.blkio_write_iops,
    }
    return frozenset(name for name, there in offered.items() if there)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the configuration of this engine says of containers that do not say otherwise."""

    kernel: Kernel = Kernel()
    platform: Platform = Platform(os="linux", architecture="amd64")
    data_root: str = "/var/lib/wherry"
    host_name: str = "localhost"
    bridge: bool = True
    """Whether there is a bridge network at all."""
    log_driver: str = "json-file"
    log_options: dict[str, str] = field(default_factory=dict)
    ipc_mode: str = "private"
    cgroupns_mode: str = ""
    """Empty for what fits the version of cgroups."""
    cgroup_driver: str = CGROUPFS
    shm_size: int = 64 << 20
    masked_paths: tuple[str, ...] = ()
    """These and the next are not stored with a container: each start takes those of the engine as it is then."""
    readonly_paths: tuple[str, ...] = ()


def fill_host_config(host: HostConfig, defaults: Defaults, version: Version) -> HostConfig:
    """Return the HostConfig as it is stored; the rest of it stays what the client sent, null and empty apart."""
    changes: dict[str, Any] = {
        "log_config": _log_config(host.log_config, defaults),
        "ipc_mode": host.ipc_mode or ("shareable" if version < (1, 40) else defaults.ipc_mode),
        "cgroupns_mode": host.cgroupns_mode or _cgroupns_mode(host, defaults, version),
        "shm_size": host.shm_size or defaults.shm_size,
        "oom_kill_disable": bool(host.oom_kill_disable),
    }
    if host.memory > 0 and host.memory_swap == 0:
        changes["memory_swap"] = 2 * host.memory
    changes["security_opt"] = _security_options(host)
    return msgspec.structs.replace(host, **changes)


def _log_config(asked: LogConfig, defaults: Defaults) -> LogConfig:
    """Return driver and options; those of the daemon count only for the daemon's own driver."""
    driver = asked.type or defaults.log_driver
    options = asked.config or {}
    return LogConfig(type=driver, config=defaults.log_options | options if driver == defaults.log_driver else options)


def _cgroupns_mode(host: HostConfig, defaults: Defaults, version: Version) -> str:
    """Version 1 has no private one for a privileged container, nor for clients that do not know the word (1.41)."""
    kernel = defaults.kernel
    if not kernel.cgroup_namespaces or (kernel.cgroup_version == 1 and (host.privileged or version < (1, 41))):
        return "host"
    return defaults.cgroupns_mode or ("private" if kernel.cgroup_version == 2 else "host")


def _security_options(host: HostConfig) -> list[str] | None:
    """Return the options; containers that share the host's namespaces get no SELinux label unless one is asked for."""
    shares_host = host.privileged or "host" in (host.pid_mode, host.ipc_mode)
    options = host.security_opt
    if not shares_host or any(option.startswith(("label=", "label:")) for option in options or ()):
        return options
    return [*(options or ()), NO_LABEL]


def merge_image(config: ContainerConfig, image: dict[str, Any] | None) -> ContainerConfig:
    """Return the config with what the image says where the request is silent.

    InvalidParameter when the image's config is malformed.
    """
    theirs = _read_image(config.image, image or {})
    entrypoint, cmd = _merge_command(config, theirs)
    return msgspec.structs.replace(
        config,
        user=config.user or theirs.user,
        working_dir=config.working_dir or theirs.working_dir,
        stop_signal=config.stop_signal or theirs.stop_signal,
        exposed_ports=with_protocols(_union(theirs.exposed_ports, config.exposed_ports)),
        volumes=_union(theirs.volumes, config.volumes),
        labels=(theirs.labels or {}) | (config.labels or {}),
        env=_merge_env(config.env, theirs.env),
        entrypoint=entrypoint,
        cmd=cmd,
        healthcheck=_merge_health(config.healthcheck, theirs.healthcheck),
    )


def _read_image(name: str, config: dict[str, Any]) -> ContainerConfig:
    """Return an image's config with its types; whoever built it may have written anything."""
    try:
        theirs = msgspec.convert({k: v for k, v in config.items() if v is not None}, ContainerConfig)
        if theirs.stop_signal:
            parse_signal(theirs.stop_signal)
        for port in theirs.exposed_ports or ():
            if not is_port(port):
                raise InvalidParameter(f"invalid port '{port}'")
    except (msgspec.ValidationError, InvalidParameter) as error:
        raise InvalidParameter(f"image {name} has a malformed config: {error}; build or load it again") from error
    return theirs


def _merge_command(config: ContainerConfig, image: ContainerConfig) -> tuple[list[str] | None, list[str] | None]:
    """Return entrypoint and command; an empty entrypoint resets the image's, null inherits it, `[""]` resets both."""
    entrypoint, cmd = config.entrypoint, config.cmd
    if not entrypoint:
        cmd = cmd or image.cmd
        if entrypoint is None:
            entrypoint = image.entrypoint
    return (None if entrypoint == [""] else entrypoint), cmd


def _union(theirs: dict[str, Any] | None, ours: dict[str, Any] | None) -> dict[str, Any] | None:
    return {**theirs, **(ours or {})} if theirs else ours or None


def is_port(text: str) -> bool:
    """Tell whether a text is `<port>[/<protocol>]`, a key of ExposedPorts."""
    match = _PORT.fullmatch(text)
    return match is not None and int(match[1]) <= PORT_MAX


def with_protocols(ports: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the ports with their protocol in every key, as answers carry it; tcp where none was written."""
    if not ports:
        return ports
    split = {port: port.partition("/") for port in ports}
    return {f"{split[port][0]}/{split[port][2].lower() or 'tcp'}": value for port, value in ports.items()}


def _merge_env(ours: list[str] | None, theirs: list[str] | None) -> list[str] | None:
    """Return the request's entries unchanged, then the image's whose name is absent."""
    if not ours or not theirs:
        return ours or theirs
    names = {entry.partition("=")[0] for entry in ours}
    return [*ours, *(entry for entry in theirs if entry.partition("=")[0] not in names)]


def _merge_health(ours: HealthConfig | None, theirs: HealthConfig | None) -> HealthConfig | None:
    if ours is None or theirs is None:
        return ours or theirs
    inherited = {name: getattr(theirs, name) for name in HealthConfig.__struct_fields__ if not getattr(ours, name)}
    return msgspec.structs.replace(ours, **inherited)
