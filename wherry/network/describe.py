"""Networks as clients see them: look-up, list filters, description (network.md 7). Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.base.filters import has_labels, matches
from wherry.base.times import parse_moment
from wherry.base.units import format_time
from wherry.network.plan import Network
from wherry.state.record import Endpoint, Record

Json = dict[str, Any]
Filters = Mapping[str, list[str]]

KEYS = ("dangling", "driver", "id", "label", "name", "scope", "type")
SCOPE = "local"
"""Of every network: none spans hosts."""


def find(ref: str, networks: Iterable[Network], scope: str = "") -> Network:
    """Find by id, name or unique id prefix among those of a scope; NotFound and InvalidParameter in Docker's words."""
    known = list(networks) if scope in ("", SCOPE) else []
    exact = [network for network in known if network.ident == ref] or [n for n in known if n.name == ref]
    found = exact or [network for network in known if ref and network.ident.startswith(ref)]
    if len(found) > 1:
        raise InvalidParameter(f"network {ref} is ambiguous ({len(found)} matches found based on ID prefix)")
    if not found:
        raise NotFound(f"network {ref} not found")
    return found[0]


def select(networks: Iterable[Network], filters: Filters, used: Collection[str] = ()) -> list[Network]:
    """Return the networks that every filter accepts; a filter accepts what one of its values does.

    `used` are the ids of the networks that containers run in. Predefined ones are never dangling.
    """
    for key in filters:
        if key not in KEYS:
            raise InvalidParameter(f"invalid filter '{key}'")
    for kind in filters.get("type", ()):
        if kind not in ("builtin", "custom"):
            raise System(f"invalid filter: 'type'='{kind}'")
    dangling = _dangling(filters.get("dangling", []))
    wanted = {key: values for key, values in filters.items() if values and key != "dangling"}
    return [
        network
        for network in networks
        if (dangling is None or dangling == (network.record is not None and network.ident not in used))
        and all(_accepts(network, key, wanted[key]) for key in wanted)
    ]


def _dangling(values: list[str]) -> bool | None:
    if len(values) > 1:
        raise InvalidParameter('got more than one value for filter key "dangling"')
    if values and values[0].lower() not in ("true", "1", "false", "0"):
        raise InvalidParameter('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")')
    return values[0].lower() in ("true", "1") if values else None


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
            return ("builtin" if network.record is None else "custom") in values
        case _:
            return has_labels(_labels(network), values)


def prunable(filters: Filters, now_ns: int) -> Callable[[Network], bool]:
    """Return what accepts a network that prune may take; InvalidParameter in Docker's words."""
    for key in filters:
        if key not in ("until", "label", "label!"):
            raise InvalidParameter(f"invalid filter '{key}'")
    untils = filters.get("until", [])
    if len(untils) > 1:
        raise InvalidParameter("more than one until filter specified")
    limit = _moment(untils[0], now_ns) if untils else None

    def accepts(network: Network) -> bool:
        return (
            (limit is None or network.created < limit)
            and has_labels(_labels(network), filters.get("label", []))
            and not any(has_labels(_labels(network), [text]) for text in filters.get("label!", []))
        )

    return accepts


def _moment(text: str, now_ns: int) -> int:
    try:
        return parse_moment(text, now_ns)
    except InvalidParameter as error:
        raise InvalidParameter(f'failed to parse value as time or duration: "{text}"') from error


def _labels(network: Network) -> Mapping[str, str]:
    return network.record.labels if network.record is not None else {}


def describe(network: Network, options: Mapping[str, str], records: Iterable[Record]) -> Json:
    """Return the description of a network with those of the records that run in it; none are given for a list."""
    rec = network.record
    return {
        "Name": network.name,
        "Id": network.ident,
        "Created": format_time(network.created),
        "Scope": SCOPE,
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": msgspec.to_builtins(rec.ipam) if rec is not None else _ipam(network),
        "Internal": rec is not None and rec.internal,
        "Attachable": rec is not None and rec.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": dict(_containers(network, records)),
        "Options": dict(options),
        "Labels": dict(_labels(network)),
    }


def _ipam(network: Network) -> Json:
    gateway = None if network.bridge is None else network.bridge.gateway
    pool = None if gateway is None else [{"Subnet": str(gateway.network), "Gateway": str(gateway.ip)}]
    return {"Driver": "default", "Options": None, "Config": pool}


def _containers(network: Network, records: Iterable[Record]) -> Iterable[tuple[str, Json]]:
    for rec in records:
        for endpoint in rec.endpoints:
            if rec.alive and endpoint.network_id == network.ident:
                yield rec.id, _member(rec, endpoint)


def _member(rec: Record, endpoint: Endpoint) -> Json:
    return {
        "Name": rec.name,
        "EndpointID": endpoint.endpoint_id,
        "MacAddress": endpoint.mac,
        "IPv4Address": f"{endpoint.address}/{endpoint.prefix}" if endpoint.address else "",
        "IPv6Address": "",
    }
