"""The endpoints that a new container wishes for (api-containers.md 3.1 steps 7 and 12; network.md 10). Pure."""

import re
from collections.abc import Callable, Mapping

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.containers.defaults import Version
from wherry.model.container import EndpointSettings, NetworkingConfig
from wherry.network.endpoints import check_wish
from wherry.network.plan import Network
from wherry.spec.namespaces import JOIN

Wishes = dict[str, EndpointSettings]
Find = Callable[[str], Network | None]
"""Finds a network by name, id or the beginning of it; one that is to come is none."""

DEPRECATED_MAC = (
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
)
_MAC = re.compile(
    r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}", re.I
)


def settle_wishes(
    mac: str, mode: str, networking: NetworkingConfig, version: Version, find: Find
) -> tuple[Wishes, list[str]]:
    """Return the endpoints by network and the warnings; `mac` is the container-wide address, `mode` the network mode.

    InvalidParameter in Docker's words. A container without any wish gets one endpoint in the network of its mode.
    """
    mode = _name(mode, find)
    asked = {_name(name, find): wish for name, wish in _asked(networking).items()}
    for name, wish in asked.items():
        if wish is None:
            raise InvalidParameter(f"invalid config for network {name}: EndpointsConfig is nil")
    wishes = {name: wish for name, wish in asked.items() if wish is not None}
    place = _place_old_mac if version < (1, 44) else _place_mac
    wishes, warnings = place(mac, mode, wishes)
    for name, wish in wishes.items():
        _check_wish(name, wish, find)
    if mode.startswith(JOIN):
        return {}, warnings  # the endpoints are another container's
    return wishes or {mode: EndpointSettings()}, warnings


def _name(ref: str, find: Find) -> str:
    """Return the name of a network that is there, else the reference to it."""
    network = find("bridge" if ref == "default" else ref)
    return network.name if network is not None else "bridge" if ref == "default" else ref


def _asked(networking: NetworkingConfig) -> Mapping[str, EndpointSettings | None]:
    return networking.endpoints_config or {}


def _place_old_mac(mac: str, mode: str, wishes: Wishes) -> tuple[Wishes, list[str]]:
    """Before API 1.44 the container-wide address is the only one: it moves to the main endpoint, others are dropped."""
    if not mac:
        return {name: msgspec.structs.replace(wish, mac_address="") for name, wish in wishes.items()}, []
    if mode in ("host", "none") or mode.startswith(JOIN):
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


def _check_wish(name: str, wish: EndpointSettings, find: Find) -> None:
    if wish.mac_address and not _MAC.fullmatch(wish.mac_address):
        raise InvalidParameter(f"invalid config for network {name}: invalid MAC address {wish.mac_address}")
    try:
        check_wish(name, find(name), wish)
    except InvalidParameter as error:
        raise InvalidParameter(f"invalid config for network {name}: {error}") from error
