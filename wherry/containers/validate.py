"""What is wrong in a request whatever this engine can do: Docker's rules in Docker's words.

`check_combinations` is create's alone (api-containers.md 3.1, step 4); `validate` runs at create and at every manual
start, because the host may have changed (start.md 1.6). Pure; everything raises InvalidParameter.
"""

import ipaddress
import re

import msgspec

from wherry.base.errors import InvalidParameter, Unimplemented
from wherry.base.signals import parse_signal
from wherry.containers.defaults import PORT_MAX, Defaults, Kernel, is_port
from wherry.containers.limits import check_limits
from wherry.model.container import ContainerConfig, HealthConfig, HostConfig, PortBinding, RestartPolicy
from wherry.spec.caps import normalise
from wherry.spec.cgroups import SYSTEMD, check_slice
from wherry.spec.security import parse_security_options

MILLISECOND = 1_000_000
HOSTNAME_MAX = 64

_PORT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_LINKS_WITH_HOST = (
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior"
)


def check_combinations(config: ContainerConfig, host: HostConfig, kernel: Kernel) -> None:
    """Refuse what contradicts itself in the request as it came."""
    mode = host.network_mode
    if mode in ("container", "container:"):
        raise InvalidParameter("invalid network mode: invalid container format container:<name|id>")
    if mode.startswith("container:"):
        _check_shared_network(config, host)
    if host.uts_mode == "host" and config.hostname:
        raise InvalidParameter("conflicting options: hostname and the UTS mode")
    if mode == "host" and host.links:
        raise InvalidParameter(_LINKS_WITH_HOST)
    if host.isolation.lower() not in ("", "default"):
        raise InvalidParameter(f"invalid isolation ({host.isolation}): linux only supports 'default'")
    if host.io_maximum_bandwidth:
        raise InvalidParameter("invalid option: QoS maximum bandwidth configuration is not supported on linux")
    if host.io_maximum_iops:
        raise InvalidParameter("invalid option: QoS maximum IOPs configuration is not supported on linux")
    if (host.cpu_realtime_period or host.cpu_realtime_runtime) and not kernel.cpu_realtime:
        raise InvalidParameter("kernel does not support CPU real-time scheduler")
    if 0 < host.cpu_realtime_period < host.cpu_realtime_runtime:
        raise InvalidParameter("cpu real-time runtime cannot be higher than cpu real-time period")
    if host.cpu_shares < 0:
        raise InvalidParameter(f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer")


def _check_shared_network(config: ContainerConfig, host: HostConfig) -> None:
    undefined = "container type network can't be used with links. This would result in undefined behavior"
    for wrong, text in (
        (config.hostname, "hostname and the network mode"),
        (host.links, undefined),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (host.port_bindings or host.publish_all_ports, "port publishing and the container type network mode"),
        (config.exposed_ports, "port exposing and the container type network mode"),
    ):
        if wrong:
            raise InvalidParameter(f"conflicting options: {text}")


def validate(host: HostConfig, config: ContainerConfig | None, defaults: Defaults) -> tuple[HostConfig, list[str]]:
    """Return the HostConfig with what the kernel cannot enforce zeroed, and the warnings; config is None at start."""
    if config is not None:
        _check_config(config)
    _check_host_config(host, defaults)
    host, warnings = check_limits(host, defaults.kernel)
    _check_modes(host)
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidParameter(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.shm_size < 0:
        raise InvalidParameter("SHM size can not be less than 0")
    if defaults.cgroup_driver == SYSTEMD:
        check_slice(host.cgroup_parent)
    host, said = _fit_network(host, defaults)
    return host, warnings + said


def _check_config(config: ContainerConfig) -> None:
    if config.working_dir and not config.working_dir.startswith("/"):
        raise InvalidParameter(
            f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path"
        )
    if config.stop_signal:
        parse_signal(config.stop_signal)
    if len(config.hostname.encode()) > HOSTNAME_MAX:
        raise InvalidParameter(f'hostname "{config.hostname}" is too long (maximum {HOSTNAME_MAX} bytes)')
    for entry in config.env or ():
        if not entry.partition("=")[0]:
            raise InvalidParameter(f"invalid environment variable: {entry}")
        _check_no_nul("Env", entry)
    for name, words in (("Cmd", config.cmd), ("Entrypoint", config.entrypoint)):
        for word in words or ():
            _check_no_nul(name, word)
    for port in config.exposed_ports or ():
        if not is_port(port):
            raise InvalidParameter(f"invalid JSON: invalid port '{port}': invalid syntax")
    if config.healthcheck is not None:
        _check_health(config.healthcheck)


def _check_no_nul(field: str, text: str) -> None:
    """Refuse what execve(2) cannot carry; the runtime would only say it at start."""
    if "\0" in text:
        raise InvalidParameter(f"invalid {field} entry {text!r}: it contains a NUL character")


def _check_health(health: HealthConfig) -> None:
    for name in ("interval", "timeout", "start_period", "start_interval"):
        value = getattr(health, name)
        if value and value < MILLISECOND:
            words = name.title().replace("_", "")
            raise InvalidParameter(f"{words} in Healthcheck cannot be less than 1ms")
    if health.retries < 0:
        raise InvalidParameter("Retries in Healthcheck cannot be negative")


def _check_host_config(host: HostConfig, defaults: Defaults) -> None:
    if host.auto_remove and host.restart_policy.name not in ("", "no"):
        raise InvalidParameter("can't create 'AutoRemove' container with restart policy")
    for entry in host.extra_hosts or ():
        _check_extra_host(entry)
    for port, bindings in (host.port_bindings or {}).items():
        _check_bindings(port, bindings or [])
    check_restart_policy(host.restart_policy)
    normalise("CapAdd", host.cap_add, defaults.kernel.capabilities)
    normalise("CapDrop", host.cap_drop, defaults.kernel.capabilities)
    if "" in (host.annotations or ()):
        raise InvalidParameter("invalid Annotations: the empty string is not permitted as an annotation key")
    parse_security_options(host.security_opt)
    if host.storage_opt:
        _refuse_storage_options(host.storage_opt)


def _refuse_storage_options(options: dict[str, str]) -> None:
    """No snapshot has a quota here; the texts are those of Docker's overlay2, which says so where it has none."""
    for name in options:
        if name.lower() != "size":
            raise InvalidParameter(f"unknown option {name}")
    raise Unimplemented("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")


def _check_extra_host(entry: str) -> None:
    name, colon, address = entry.partition(":")
    if not colon or not name:
        raise InvalidParameter(f'bad format for add-host: "{entry}"')
    if address == "host-gateway":
        return
    if not is_address(address):
        raise InvalidParameter(f'invalid IP address in add-host: "{address}"')


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address; one with a zone means nothing in a container."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _check_bindings(port: str, bindings: list[PortBinding]) -> None:
    number, _, protocol = port.partition("/")
    _check_port(number, ranged=False)
    if int(number) == 0 or protocol.lower() not in ("", "tcp", "udp", "sctp"):
        raise InvalidParameter(f'invalid port specification: "{port}"')
    for binding in bindings:
        if binding.host_port:
            _check_port(binding.host_port, ranged=True)
        if binding.host_ip and not is_address(binding.host_ip):
            raise InvalidParameter(f'invalid JSON: ParseAddr("{binding.host_ip}"): unable to parse IP')


def _check_port(text: str, ranged: bool) -> None:
    match = _PORT.fullmatch(text)
    first, last = (match[1], match[2]) if match is not None else ("", "")
    fits = first and int(first) <= PORT_MAX and int(last or first) <= PORT_MAX and int(first) <= int(last or first)
    if not fits or (last and (not ranged or int(first) == 0 < int(last))):
        raise InvalidParameter(f'invalid port specification: "{text}"')


def check_restart_policy(policy: RestartPolicy) -> None:
    """InvalidParameter in Docker's words for a policy that is none."""
    if policy.name not in ("", "no", "always", "on-failure", "unless-stopped"):
        raise InvalidParameter(
            f"invalid restart policy: unknown policy '{policy.name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if policy.name != "on-failure" and policy.maximum_retry_count:
        negative = " and cannot be negative" if policy.maximum_retry_count < 0 else ""
        raise InvalidParameter(
            f"invalid restart policy: maximum retry count can only be used with 'on-failure'{negative}"
        )
    if policy.maximum_retry_count < 0:
        raise InvalidParameter("invalid restart policy: maximum retry count cannot be negative")


def _check_modes(host: HostConfig) -> None:
    ipc = ("", "none", "host", "private", "shareable")
    for words, mode, allowed, shared in (
        ("cgroup namespace", host.cgroupns_mode, ("", "host", "private"), False),
        ("IPC", host.ipc_mode, ipc, True),
        ("PID", host.pid_mode, ("", "host"), True),
        ("UTS", host.uts_mode, ("", "host"), False),
    ):
        joins = shared and mode.startswith("container:") and mode != "container:"
        if mode not in allowed and not joins:
            raise InvalidParameter(f"invalid {words} mode: {mode}")


def _fit_network(host: HostConfig, defaults: Defaults) -> tuple[HostConfig, list[str]]:
    """Return the HostConfig and the warnings of modes that this host cannot give."""
    warnings: list[str] = []
    if host.network_mode not in ("host", "none") and defaults.bridge and not defaults.kernel.ipv4_forwarding:
        warnings.append("IPv4 forwarding is disabled. Networking will not work.")
    if host.network_mode == "host" and host.port_bindings:
        warnings.append("Published ports are discarded when using host network mode")
    if host.cgroupns_mode == "private" and not defaults.kernel.cgroup_namespaces:
        host = msgspec.structs.replace(host, cgroupns_mode="")
        warnings.append("Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.")
    return host, warnings
