"""What Docker has and this engine does not honour yet: refused by name at create, never ignored in silence.

One row per feature, with a request that needs it. When a feature arrives its row goes; nothing else changes here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wherry.base.errors import Unimplemented
from wherry.model.container import (
    CreateRequest,
    EndpointIPAMConfig,
    EndpointSettings,
    HostConfig,
    LogConfig,
    Mount,
    NetworkingConfig,
    PortBinding,
)

LOG_DRIVERS = frozenset({"local", "journald", "syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs"})
"""Docker's drivers that are absent here; other unknown names are Docker's own error."""

Uses = Callable[[CreateRequest], Any]


@dataclass(frozen=True, slots=True)
class Lack:
    """One feature: its field and flag for the message, how a request shows it, and such a request."""

    field: str
    flag: str
    uses: Uses
    sample: CreateRequest


def refuse_unsupported(request: CreateRequest) -> None:
    """Raise Unimplemented naming the first feature of the table that the request needs."""
    for lack in LACKS:
        if lack.uses(request):
            raise Unimplemented(f"{lack.field} ({lack.flag}) is not supported by this engine yet")


def _host(request: CreateRequest) -> HostConfig:
    return request.host_config or HostConfig()


def _endpoints(request: CreateRequest) -> dict[str, EndpointSettings | None]:
    networking = request.networking_config or NetworkingConfig()
    return networking.endpoints_config or {}


def _has_ports(request: CreateRequest) -> bool:
    """Host and none have no ports to publish: Docker ignores them there, so may we."""
    return _host(request).network_mode not in ("host", "none")


def _publishes_sctp(request: CreateRequest) -> bool:
    return _has_ports(request) and any(port.lower().endswith("/sctp") for port in _host(request).port_bindings or ())


def _publishes_on_ipv6(request: CreateRequest) -> bool:
    bindings = (binding for each in (_host(request).port_bindings or {}).values() for binding in each or ())
    return _has_ports(request) and any(":" in binding.host_ip for binding in bindings)


def _wants_user_namespace(request: CreateRequest) -> bool:
    return _host(request).userns_mode not in ("", "host")


def _logs_elsewhere(request: CreateRequest) -> bool:
    return _host(request).log_config.type in LOG_DRIVERS


def _has_interface_sysctl(request: CreateRequest) -> bool:
    """Clients before API 1.48 may set them container-wide; they need an endpoint option."""
    names = (name.split(".") for name in _host(request).sysctls or ())
    return any(len(parts) == 5 and parts[0] == "net" and parts[3].startswith("eth") for parts in names)


def _has_endpoint_option(request: CreateRequest) -> bool:
    return any(wish is not None and wish.driver_opts for wish in _endpoints(request).values())


def _has_link_local(request: CreateRequest) -> bool:
    wishes = (wish.ipam_config for wish in _endpoints(request).values() if wish is not None)
    return any(wish is not None and wish.link_local_ips for wish in wishes)


def _field(name: str, flag: str, **sample: Any) -> Lack:
    """Return the row of a HostConfig field that every value but empty uses; the sample names its attribute."""
    (attribute,) = sample
    return _when(name, flag, lambda request: getattr(_host(request), attribute), **sample)


def _when(name: str, flag: str, uses: Uses, **sample: Any) -> Lack:
    """Return the row of a use of HostConfig."""
    return Lack(f"HostConfig.{name}", flag, uses, CreateRequest(host_config=HostConfig(**sample)))


def _endpoint(name: str, flag: str, uses: Uses, wish: EndpointSettings) -> Lack:
    """Return the row of a use of an endpoint."""
    sample = CreateRequest(networking_config=NetworkingConfig(endpoints_config={"bridge": wish}))
    return Lack(f"NetworkingConfig.EndpointsConfig{name}", flag, uses, sample)


def _mount_type(kind: str) -> Lack:
    """Return the row of a type of HostConfig.Mounts."""
    return _when(
        "Mounts",
        f"--mount type={kind}",
        lambda request: any(mount.type == kind for mount in _host(request).mounts or ()),
        mounts=[Mount(type=kind, source="data", target="/data")],
    )


LACKS: tuple[Lack, ...] = (
    _when("PortBindings", "--publish of sctp", _publishes_sctp, port_bindings={"80/sctp": []}),
    _when(
        "PortBindings",
        "--publish on an IPv6 address",
        _publishes_on_ipv6,
        port_bindings={"80/tcp": [PortBinding(host_ip="::1")]},
    ),
    _mount_type("image"),
    _mount_type("npipe"),
    _mount_type("cluster"),
    _endpoint(".DriverOpts", "--network driver-opt=", _has_endpoint_option, EndpointSettings(driver_opts={"a": "b"})),
    _endpoint(
        ".IPAMConfig.LinkLocalIPs",
        "--link-local-ip",
        _has_link_local,
        EndpointSettings(ipam_config=EndpointIPAMConfig(link_local_ips=["169.254.1.1"])),
    ),
    _when("UsernsMode", "--userns", _wants_user_namespace, userns_mode="private"),
    _field("Cgroup", "no flag", cgroup="container:db"),
    _when("LogConfig.Type", "--log-driver", _logs_elsewhere, log_config=LogConfig(type="journald")),
    _when(
        "Sysctls of one interface",
        "--sysctl net.*.ethN.*",
        _has_interface_sysctl,
        sysctls={"net.ipv4.conf.eth0.rp_filter": "1"},
    ),
)
"""Every row; the first that matches is named."""
