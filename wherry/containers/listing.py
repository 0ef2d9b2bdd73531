"""Listing containers: filters, order, limit, ContainerSummary in the newest shape (api-containers.md 3.9).

Reads the frozen records, so a stuck container never stops `docker ps`. Filters are looked at as a whole first: a wrong
one is an error even when no container would reach it.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.base.filters import has_labels, matches
from wherry.base.units import SECOND
from wherry.containers.health import NONE, Health, HealthOf
from wherry.containers.health import STATUSES as HEALTHS
from wherry.containers.inspect import Sizes
from wherry.containers.links import names_by_link
from wherry.containers.render import STATUSES, Json, mounts, networks, ports, status, status_text
from wherry.model.query import ListOptions
from wherry.state.record import Phase, Record
from wherry.state.store import Store

ImageIds = Callable[[Iterable[str]], Awaitable[Mapping[str, str]]]
"""The target digest of every reference that resolves to an image now."""

Accepts = Callable[[Record], bool]


class Listing:
    """The verb."""

    def __init__(self, store: Store, image_ids: ImageIds, sizes: Sizes, health: HealthOf) -> None:
        """Take the records, who knows the images, who measures disk use, and who knows a container's health."""
        self._health = health
        self._store = store
        self._image_ids = image_ids
        self._sizes = sizes

    async def __call__(self, options: ListOptions) -> list[Json]:
        """Return the entries, newest first; InvalidParameter and NotFound in Docker's words."""
        filters = {key: values for key, values in (options.filters or {}).items() if values}
        unknown = sorted(options.filters.keys() - _FILTERS.keys()) if options.filters else []
        if unknown:
            raise InvalidParameter(f"invalid filter '{unknown[0]}'")
        everything = options.every or options.limit > 0 or "status" in filters
        ancestors = await self._image_ids(filters["ancestor"]) if "ancestor" in filters else {}
        accepts = [_FILTERS[key](values, self._store, ancestors, self._health) for key, values in filters.items()]
        found = [
            rec
            for rec in sorted(self._store.all(), key=lambda rec: rec.created, reverse=True)
            if (everything or rec.alive or rec.phase is Phase.RESTARTING) and all(accept(rec) for accept in accepts)
        ]
        return await self._summarise(found[: options.limit] if options.limit > 0 else found, options.size)

    async def _summarise(self, records: list[Record], size: bool) -> list[Json]:
        known = await self._image_ids({rec.config.image for rec in records}) if records else {}
        now = time.time_ns()
        linked = names_by_link(self._store.all())
        entries = [
            summary(rec, known.get(rec.config.image) == rec.image_id, now, self._health(rec), linked.get(rec.id, ()))
            for rec in records
        ]
        if size:
            for rec, entry in zip(records, entries, strict=True):
                measured = zip(("SizeRw", "SizeRootFs"), await self._sizes(rec), strict=True)
                entry.update({key: value for key, value in measured if value})
        return entries


def summary(rec: Record, named: bool, now_ns: int, health: Health | None, linked: Sequence[str] = ()) -> Json:
    """Return one entry; pure.

    `named` says that the image's name still means the container's image, `linked` are names that links give it.
    """
    annotations = rec.host_config.annotations
    return {
        "Id": rec.id,
        "Names": [f"/{rec.name}", *linked],
        "Image": rec.config.image if named else rec.image_id,
        "ImageID": rec.image_id,
        "Command": command(rec),
        "Created": rec.created // SECOND,
        "Ports": _ports(rec),
        "Labels": rec.config.labels or {},
        "State": status(rec),
        "Status": status_text(rec, now_ns, health),
        "HostConfig": {
            "NetworkMode": rec.host_config.network_mode,
            **({"Annotations": annotations} if annotations else {}),
        },
        "NetworkSettings": {"Networks": networks(rec)},
        "Mounts": mounts(rec),
        "ImageManifestDescriptor": msgspec.to_builtins(rec.image_manifest),
    }


def command(rec: Record) -> str:
    """Return path and arguments joined by blanks; an argument that holds a blank stands in single quotes."""
    return " ".join([rec.path, *(f"'{word}'" if " " in word else word for word in rec.args)])


def _ports(rec: Record) -> list[Json]:
    """Return one entry per binding, and one for a port that is exposed only."""
    entries: list[Json] = []
    for key, bindings in ports(rec).items():
        number, _, protocol = key.partition("/")
        private = {"PrivatePort": int(number), "Type": protocol}
        entries += [
            {"IP": binding["HostIp"], "PublicPort": int(binding["HostPort"]), **private} for binding in bindings or ()
        ] or [private]
    return sorted(entries, key=lambda entry: (entry["PrivatePort"], entry["Type"], entry.get("IP", "")))


# Filters: each takes its values and answers whether a record is accepted; several values of one key mean any of them.


def _id(values: list[str], store: Store, *_: Any) -> Accepts:
    ids = [rec.id for rec in store.all()]
    wanted = {found[0] for value in values if value and len(found := [i for i in ids if i.startswith(value)]) == 1}
    return lambda rec: rec.id in wanted


def _name(values: list[str], *_: Any) -> Accepts:
    return lambda rec: any(matches(value, rec.name) or matches(value, f"/{rec.name}") for value in values)


def _label(values: list[str], *_: Any) -> Accepts:
    return lambda rec: has_labels(rec.config.labels, values)


def _status(values: list[str], *_: Any) -> Accepts:
    _check_words("status", "state", values, STATUSES)
    return lambda rec: status(rec) in values


def _health(values: list[str], _store: Store, _ancestors: Mapping[str, str], health: HealthOf) -> Accepts:
    _check_words("health", "health", values, HEALTHS)

    def accepts(rec: Record) -> bool:
        known = health(rec)
        return (NONE if known is None else known.status) in values

    return accepts


def _check_words(key: str, what: str, values: list[str], allowed: tuple[str, ...]) -> None:
    for value in values:
        if value not in allowed:
            raise InvalidParameter(
                f"invalid filter '{key}={value}': invalid value for {what} ({value}): "
                f"must be one of {', '.join(allowed)}"
            )


def _exited(values: list[str], *_: Any) -> Accepts:
    for value in values:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", value):
            raise InvalidParameter(
                f"invalid filter 'exited={value}': strconv.Atoi: parsing \"{value}\": invalid syntax"
            )
    codes = {int(value) for value in values}
    return lambda rec: not rec.alive and rec.started_at != 0 and rec.exit_code in codes


def _before(values: list[str], store: Store, *_: Any) -> Accepts:
    limits = [store.get(value).created for value in values]
    return lambda rec: all(rec.created < limit for limit in limits)


def _since(values: list[str], store: Store, *_: Any) -> Accepts:
    limits = [store.get(value).created for value in values]
    return lambda rec: all(rec.created > limit for limit in limits)


def _ancestor(_values: list[str], _store: Store, ancestors: Mapping[str, str], *_: Any) -> Accepts:
    wanted = set(ancestors.values())
    return lambda rec: rec.image_id in wanted


def _volume(values: list[str], *_: Any) -> Accepts:
    wanted = set(values) - {""}
    return lambda rec: any(wanted & {point.name, point.source, point.destination} for point in rec.mounts)


def _network(values: list[str], *_: Any) -> Accepts:
    def accepts(rec: Record) -> bool:
        found = networks(rec)
        ids = [network["NetworkID"] for network in found.values()]
        return any(value in found or any(value and ident.startswith(value) for ident in ids) for value in values)

    return accepts


def _publish(values: list[str], *_: Any) -> Accepts:
    """Match host ports of containers that run."""
    wanted = {port for value in values for port in parse_ports("publish", value)}

    def accepts(rec: Record) -> bool:
        held = (port for endpoint in rec.endpoints if rec.alive for port in endpoint.ports)
        return any(f"{port.host_port}/{port.protocol}" in wanted for port in held)

    return accepts


def _expose(values: list[str], *_: Any) -> Accepts:
    """Match container ports, published or exposed only, of containers that run."""
    wanted = {port for value in values for port in parse_ports("expose", value)}
    return lambda rec: not wanted.isdisjoint(ports(rec))


def parse_ports(key: str, text: str) -> list[str]:
    """Return every `port/proto` of `<port>[-<port>][/<proto>]`; InvalidParameter in Docker's words."""
    if ":" in text:
        raise InvalidParameter(f"filter for '{key}' should not contain ':': {text}")
    numbers, _, protocol = text.partition("/")
    first, dash, last = numbers.partition("-")
    for number in (first, last) if dash else (first,):
        if not re.fullmatch(r"[0-9]+", number):
            raise InvalidParameter(
                f'error while looking up for {key} {text}: strconv.ParseUint: parsing "{number}": invalid syntax'
            )
        if len(number) > 5 or int(number) > 65535:
            raise InvalidParameter(
                f'error while looking up for {key} {text}: strconv.ParseUint: parsing "{number}": value out of range'
            )
    start, end = int(first), int(last or first)
    if start > end:
        raise InvalidParameter(
            f"error while looking up for {key} {text}: Invalid range specified for the Port: {numbers}"
        )
    return [f"{number}/{protocol or 'tcp'}" for number in range(start, end + 1)]


def _is_task(values: list[str], *_: Any) -> Accepts:
    """There is no swarm, so nothing is a task."""
    wanted = set(values)
    truths, untruths = wanted & {"1", "true"}, wanted & {"0", "false"}
    if bool(truths) == bool(untruths):
        raise InvalidParameter(f"invalid filter 'is-task=[{' '.join(values)}]'")
    return lambda rec: bool(untruths)


def _isolation(_values: list[str], *_: Any) -> Accepts:
    """Means something on Windows only."""
    return lambda rec: True


_FILTERS: Mapping[str, Callable[[list[str], Store, Mapping[str, str], HealthOf], Accepts]] = {
    "ancestor": _ancestor,
    "before": _before,
    "exited": _exited,
    "expose": _expose,
    "health": _health,
    "id": _id,
    "is-task": _is_task,
    "isolation": _isolation,
    "label": _label,
    "name": _name,
    "network": _network,
    "publish": _publish,
    "since": _since,
    "status": _status,
    "volume": _volume,
}
