"""Networks as clients see them: look-up, list filters, description (network.md 7). Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.base.filters import matches
from wherry.base.units import format_time
from wherry.network.plan import Network
from wherry.state.record import Record

Json = dict[str, Any]
Filters = Mapping[str, list[str]]

KEYS = ("dangling", "driver", "id", "label", "name", "scope", "type")
SCOPE = "local"
"""Of every network: none spans hosts."""


def find(ref: str, networks: Iterable[Network], scope: str = "") -> Network:
    """Find by id, name or unique id prefix among those of a scope; NotFound and InvalidParameter in Docker's words."""
    known = list(networks) if scope in ("", SCOPE) else []
    exact = [network for network in known if network.ident == ref] or [n for n in known if n.name == ref]
    matches = exact or [network for network in known if ref and network.ident.startswith(ref)]
    if len(matches) > 1:
        raise InvalidParameter(f"network {ref} is ambiguous ({len(matches)} matches found based on ID prefix)")
    if not matches:
        raise NotFound(f"network {ref} not found")
    return matches[0]


def select(networks: Iterable[Network], filters: Filters) -> list[Network]:
    """Return the networks that every filter accepts; a filter accepts what one of its values does.

    All are predefined: never dangling, of type builtin, without labels.
    """
    for key in filters:
        if key not in KEYS:
            raise InvalidParameter(f"invalid filter '{key}'")
    for kind in filters.get("type", ()):
        if kind not in ("builtin", "custom"):
            raise System(f"invalid filter: 'type'='{kind}'")
    dangling = _dangling(filters.get("dangling", []))
    wanted = {key: values for key, values in filters.items() if values}
    if dangling or "label" in wanted:
        return []
    return [network for network in networks if all(_accepts(network, key, wanted[key]) for key in wanted)]


def _dangling(values: list[str]) -> bool:
    if len(values) > 1:
        raise InvalidParameter('got more than one value for filter key "dangling"')
    if values and values[0].lower() not in ("true", "1", "false", "0"):
        raise InvalidParameter('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")')
    return bool(values) and values[0].lower() in ("true", "1")


def _accepts(network: Network, key: str, values: list[str]) -> bool:
    match key:
        case "driver":
            return network.driver in values
        case "id":
            return any(matches(value, network.ident) for value in values)
        case "name":
            return any(matches(value, network.name) for value in values)
        case "scope":
            return SCOPE in values
        case "type":
            return "builtin" in values
        case _:
            return True


def describe(network: Network, options: Mapping[str, str], records: Iterable[Record]) -> Json:
    """Return the description of a network with those of the records that run in it; none are given for a list."""
    gateway = None if network.bridge is None else network.bridge.gateway
    pool = None if gateway is None else [{"Subnet": str(gateway.network), "Gateway": str(gateway.ip)}]
    return {
        "Name": network.name,
        "Id": network.ident,
        "Created": format_time(network.created),
        "Scope": SCOPE,
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": pool},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": dict(_containers(network, records)),
        "Options": dict(options),
        "Labels": {},
    }


def _containers(network: Network, records: Iterable[Record]) -> Iterable[tuple[str, Json]]:
    for rec in records:
        for endpoint in rec.endpoints:
            if rec.alive and endpoint.network == network.name:
                yield (
                    rec.id,
                    {
                        "Name": rec.name,
                        "EndpointID": endpoint.endpoint_id,
                        "MacAddress": endpoint.mac,
                        "IPv4Address": f"{endpoint.address}/{endpoint.prefix}" if endpoint.address else "",
                        "IPv6Address": "",
                    },
                )
