"""Bodies of the networks API (engine-api-v1.51.yaml: NetworkCreateRequest, NetworkConnectRequest, IPAM).

Named as in Docker, because its JSON errors name them. What the client sent is kept as it came.
"""

import msgspec
from msgspec import field

from wherry.model.container import EndpointSettings


class IPAMConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """One subnet."""

    subnet: str = ""
    ip_range: str = field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] | None = None


class IPAM(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """How addresses are handed out."""

    driver: str = ""
    options: dict[str, str] | None = None
    config: list[IPAMConfig] | None = None


class ConfigReference(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The network that another one takes its configuration from."""

    network: str = ""


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The body of `POST /networks/create`."""

    name: str = ""
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = field(default=None, name="EnableIPv4")
    enable_ipv6: bool | None = field(default=None, name="EnableIPv6")
    ipam: IPAM | None = field(default=None, name="IPAM")
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    options: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class ConnectOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The body of `POST /networks/{id}/connect`."""

    container: str = ""
    endpoint_config: EndpointSettings | None = None


class DisconnectOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The body of `POST /networks/{id}/disconnect`."""

    container: str = ""
    force: bool = False
