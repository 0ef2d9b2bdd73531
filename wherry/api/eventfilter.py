"""The filters of `GET /events` (api-containers.md 5.2): keys are ANDed, values of a key ORed, labels ANDed."""

from collections.abc import Callable, Mapping, Sequence

from wherry.base.events import Accepts, Event
from wherry.base.filters import has_labels

Values = Sequence[str]
Matches = Callable[[Event, Values], bool]

OBJECTS = ("container", "volume", "network", "plugin", "daemon", "service", "node", "secret", "config")
PREFIXED = frozenset(("health_status", "exec_create", "exec_start"))
"""Actions that carry details behind a colon; one of them among the values makes all of them prefixes."""


def event_filter(filters: Mapping[str, Values]) -> Accepts:
    """Return the test of a filter; unknown keys are ignored, a key without values matches everything."""
    wanted = [(_MATCHERS[key], values) for key, values in filters.items() if values and key in _MATCHERS]
    return lambda event: all(matches(event, values) for matches, values in wanted)


def _kind(event: Event, values: Values) -> bool:
    return event.kind in values


def _action(event: Event, values: Values) -> bool:
    if PREFIXED.isdisjoint(values):
        return event.action in values
    return event.action.startswith(tuple(values))


def _scope(event: Event, values: Values) -> bool:
    return event.scope in values


def _label(event: Event, values: Values) -> bool:
    return has_labels(event.actor.attributes, values)


def _object(event: Event, values: Values) -> bool:
    """Match id or name, whole or by prefix, whatever the event is about: Docker does not look at its type here."""
    return event.actor.ident.startswith(tuple(values)) or event.actor.attributes.get("name", "").startswith(
        tuple(values)
    )


def _image(event: Event, values: Values) -> bool:
    name = event.actor.attributes.get("image" if event.kind == "container" else "name", "")
    known = (event.actor.ident, name, _without_tag(event.actor.ident), _without_tag(name))
    return any(value in known for value in values)


def _without_tag(reference: str) -> str:
    bare = reference.partition("@")[0]
    return bare[: bare.rindex(":")] if ":" in bare.rpartition("/")[2] else bare


_MATCHERS: Mapping[str, Matches] = {
    "type": _kind,
    "event": _action,
    "scope": _scope,
    "label": _label,
    "image": _image,
    **dict.fromkeys(OBJECTS, _object),
}
