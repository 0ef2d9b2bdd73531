"""The endpoints that a new container wishes for (api-containers.md 3.1 steps 7 and 12; network.md 10). Pure."""

import ipaddress
import re
from collections.abc import Mapping

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.containers.defaults import Version
from wherry.model.container import EndpointIPAMConfig, EndpointSettings, NetworkingConfig

Wishes = dict[str, EndpointSettings]

DEPRECATED_MAC = (
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
)
_MAC = re.compile(
    r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}", re.I
)


def settle_wishes(mac: str, mode: str, networking: NetworkingConfig, version: Version) -> tuple[Wishes, list[str]]:
    """Return the endpoints by network and the warnings; `mac` is the container-wide address, `mode` the network mode.

    InvalidParameter in Docker's words. A container without any wish gets one endpoint in the network of its mode.
    """
    asked = {("bridge" if name == "default" else name): wish for name, wish in _asked(networking).items()}
    for name, wish in asked.items():
        if wish is None:
            raise InvalidParameter(f"invalid config for network {name}: EndpointsConfig is nil")
    wishes = {name: wish for name, wish in asked.items() if wish is not None}
    place = _place_old_mac if version < (1, 44) else _place_mac
    wishes, warnings = place(mac, mode, wishes)
    for name, wish in wishes.items():
        _check_wish(name, wish)
    return wishes or {mode: EndpointSettings()}, warnings


def _asked(networking: NetworkingConfig) -> Mapping[str, EndpointSettings | None]:
    return networking.endpoints_config or {}


def _place_old_mac(mac: str, mode: str, wishes: Wishes) -> tuple[Wishes, list[str]]:
    """Before API 1.44 the container-wide address is the only one: it moves to the main endpoint, others are dropped."""
    if not mac:
        return {name: msgspec.structs.replace(wish, mac_address="") for name, wish in wishes.items()}, []
    if mode in ("host", "none"):
        raise InvalidParameter("conflicting options: mac-address and the network mode")
    main = next(iter(wishes), mode)
    wish = wishes.get(main, EndpointSettings())
    return wishes | {main: msgspec.structs.replace(wish, mac_address=mac)}, []


def _place_mac(mac: str, mode: str, wishes: Wishes) -> tuple[Wishes, list[str]]:
    """Copy the container-wide address to the main endpoint, which may repeat it but not differ."""
    if not mac:
        return wishes, []
    if mode in ("host", "none"):
        return wishes, [DEPRECATED_MAC]
    if wishes and mode not in wishes:
        raise InvalidParameter(
            "unable to migrate container-wide MAC address to a specific network: "
            "HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks"
        )
    wish = wishes.get(mode, EndpointSettings())
    if wish.mac_address not in ("", mac):
        raise InvalidParameter(
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
            "or be left empty"
        )
    return wishes | {mode: msgspec.structs.replace(wish, mac_address=mac)}, [DEPRECATED_MAC]


def _check_wish(network: str, wish: EndpointSettings) -> None:
    if wish.mac_address and not _MAC.fullmatch(wish.mac_address):
        raise InvalidParameter(f"invalid config for network {network}: invalid MAC address {wish.mac_address}")
    found = _problems(wish)
    if found:
        text = "\n".join(f"* {problem}" for problem in found) if len(found) > 1 else found[0]
        raise InvalidParameter(f"invalid config for network {network}: invalid endpoint settings:\n{text}")


def _problems(wish: EndpointSettings) -> list[str]:
    """Return what is wrong with an endpoint of a predefined network."""
    addresses = wish.ipam_config or EndpointIPAMConfig()
    found = []
    if addresses.ipv4_address or addresses.ipv6_address:
        found.append("user specified IP address is supported on user defined networks only")
    if wish.aliases:
        found.append("network-scoped alias is supported only for containers in user defined networks")
    for words, text, version in (("IPv4", addresses.ipv4_address, 4), ("IPv6", addresses.ipv6_address, 6)):
        if text and not _is_address(text, version):
            found.append(f"invalid {words} address: {text}")
    return found


def _is_address(text: str, version: int) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == version and not address.is_unspecified and "%" not in text
