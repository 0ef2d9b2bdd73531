"""Volumes as clients see them: the filters of list and prune, the description (images.md 20.1). Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.base.filters import has_labels, matches
from wherry.base.units import SECOND
from wherry.model.volume import Volume
from wherry.volumes.syntax import DRIVER

Json = dict[str, Any]
Filters = Mapping[str, list[str]]

ANONYMOUS = "com.docker.volume.anonymous"
"""The label of a volume that nobody named."""
LIST_KEYS = frozenset({"dangling", "name", "driver", "label"})
PRUNE_KEYS = frozenset({"label", "label!", "all"})
YES, NO = frozenset({"1", "true"}), frozenset({"0", "false"})
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def describe(volume: Volume) -> Json:
    """Return a Volume of the API."""
    created = datetime.fromtimestamp(volume.note.created // SECOND, UTC)
    return {
        "CreatedAt": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Driver": DRIVER,
        "Labels": volume.note.labels,
        "Mountpoint": volume.path,
        "Name": volume.name,
        "Options": volume.note.options,
        "Scope": "local",
    }


def select(volumes: Iterable[Volume], filters: Filters, used: Collection[str]) -> list[Volume]:
    """Return the volumes that a list shows; `used` are the names that containers refer to."""
    _check_keys(filters, LIST_KEYS)
    dangling = _dangling(filters["dangling"]) if "dangling" in filters else None
    names, drivers = filters.get("name", ()), filters.get("driver", ())
    return [
        volume
        for volume in volumes
        if (dangling is None or dangling != (volume.name in used))
        and (not names or any(matches(pattern, volume.name) for pattern in names))
        and (not drivers or DRIVER in drivers)
        and has_labels(volume.note.labels, filters.get("label", ()))
    ]


def check_prune(filters: Filters) -> None:
    """Raise InvalidParameter in Docker's words for filters that prune does not take."""
    _check_keys(filters, PRUNE_KEYS)
    _wants_all(filters)


def prunable(volume: Volume, filters: Filters) -> bool:
    """Tell whether prune takes a volume that nobody uses: an anonymous one, or any with `all`."""
    labels, unwanted = filters.get("label", ()), filters.get("label!", ())
    return (
        (_wants_all(filters) or ANONYMOUS in (volume.note.labels or {}))
        and has_labels(volume.note.labels, labels)
        and not (unwanted and has_labels(volume.note.labels, unwanted))
    )


def _check_keys(filters: Filters, known: Collection[str]) -> None:
    for key in filters:
        if key not in known:
            raise InvalidParameter(f"invalid filter '{key}'")


def _dangling(values: list[str]) -> bool:
    wanted = bool(YES.intersection(values))
    if wanted == bool(NO.intersection(values)):
        raise InvalidParameter(
            f"invalid filter 'dangling=[{' '.join(values)}]'" if values else "invalid filter 'dangling'"
        )
    return wanted


def _wants_all(filters: Filters) -> bool:
    values = filters.get("all", [])
    if len(values) > 1:
        raise InvalidParameter(f"invalid filter 'all=[{' '.join(values)}]': only one value is expected")
    if values and values[0] not in TRUE | FALSE:
        raise InvalidParameter(f"invalid filter 'all': strconv.ParseBool: parsing \"{values[0]}\": invalid syntax")
    return bool(values) and values[0] in TRUE
