"""The filters of the image list: by record, and by what the config says (images.md 6.1)."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wherry.base import refs
from wherry.base.errors import InvalidParameter
from wherry.base.times import parse_moment, parse_time
from wherry.containerd.images import ImageRecord
from wherry.images.manifests import Survey
from wherry.images.names import is_dangling
from wherry.model.image import ImageConfig

KEYS = frozenset({"dangling", "label", "label!", "before", "since", "reference", "until"})
TRUE, FALSE = frozenset({"1", "true"}), frozenset({"0", "false"})
LABEL_MAX = 4096
LABEL_SHOWN = 64
PATTERN_MAX = 512

Filters = dict[str, list[str]]
Created = Callable[[str], Awaitable[int | None]]
"""When the image of a reference was created, in nanoseconds since the epoch; NotFound."""
OnRecord = Callable[[ImageRecord], bool]
OnImage = Callable[[Survey], bool]


@dataclass(frozen=True, slots=True)
class Accepts:
    """What must all hold: of a record, and of the image that it is a name of."""

    records: list[OnRecord]
    images: list[OnImage]

    def record(self, record: ImageRecord) -> bool:
        """Tell whether a name is shown."""
        return all(accepts(record) for accepts in self.records)

    def image(self, survey: Survey) -> bool:
        """Tell whether an image is shown."""
        return all(accepts(survey) for accepts in self.images)


async def read_filters(filters: Filters, created: Created) -> Accepts:
    """Return the filters as functions; InvalidParameter and NotFound in Docker's words."""
    for key in filters:
        if key not in KEYS:
            raise InvalidParameter(f"invalid filter '{key}'")
    images = [_before(at) for value in filters.get("before", ()) if (at := await created(value)) is not None]
    images += [_since(at) for value in filters.get("since", ()) if (at := await created(value)) is not None]
    images += _labels(filters)
    return Accepts(_on_records(filters), images)


def created_ns(survey: Survey) -> int | None:
    """Return when the best image of a target was created, in nanoseconds since the epoch."""
    return config_time(survey.images[0].config) if survey.images else None


def config_time(config: ImageConfig) -> int | None:
    """Return when an image was created, in nanoseconds since the epoch; None if its config does not say."""
    return None if config.created is None else parse_time(config.created)


def labels_of(config: ImageConfig) -> dict[str, str]:
    """Return the labels that an image gives its containers."""
    labels = (config.config or {}).get("Labels")
    pairs = labels.items() if isinstance(labels, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}


def _on_records(filters: Filters) -> list[OnRecord]:
    found = [_until(value) for value in filters.get("until", ())]
    if "dangling" in filters:
        wanted = _read_flag("dangling", filters["dangling"])
        found.append(lambda record: is_dangling(record) == wanted)
    if filters.get("reference"):
        patterns = [pattern for value in filters["reference"] if (pattern := glob(value)) is not None]
        found.append(lambda record: any(_matches(pattern, record) for pattern in patterns))
    return found


def _until(value: str) -> OnRecord:
    try:
        limit = parse_moment(value, time.time_ns())
    except InvalidParameter as error:
        raise InvalidParameter(f"invalid value for 'until' filter: {error}") from error
    return lambda record: record.created_ns < limit


def _read_flag(key: str, values: list[str]) -> bool:
    truth = bool(TRUE & set(values))
    if truth == bool(FALSE & set(values)):
        raise InvalidParameter(f"invalid filter '{key}=[{' '.join(values)}]'" if values else f"invalid filter '{key}'")
    return truth


def _before(limit: int) -> OnImage:
    return lambda survey: (at := created_ns(survey)) is not None and at < limit


def _since(limit: int) -> OnImage:
    return lambda survey: (at := created_ns(survey)) is not None and at > limit


def _labels(filters: Filters) -> list[OnImage]:
    """Return one condition, if any: some platform's config satisfies every label."""
    checks = [_label(value, negate=False) for value in filters.get("label", ())]
    checks += [_label(value, negate=True) for value in filters.get("label!", ())]
    if not checks:
        return []
    return [lambda survey: any(all(check(labels_of(i.config)) for check in checks) for i in survey.images)]


def _label(text: str, negate: bool) -> Callable[[dict[str, str]], bool]:
    key, equals, value = text.partition("=")
    if len(key) + len(value) > LABEL_MAX:
        raise InvalidParameter(
            f"label key and value length ({len(key) + len(value)} bytes) greater than maximum size "
            f"({LABEL_MAX} bytes), key: {key[:LABEL_SHOWN]}: invalid argument"
        )
    if key.endswith("!"):
        key, negate = key[:-1], not negate
    return lambda labels: (key in labels and (not equals or labels[key] == value)) != negate


def _matches(pattern: re.Pattern[str], record: ImageRecord) -> bool:
    """Try a pattern on a name as people see it, with and without its tag; a record with no such name has none."""
    if is_dangling(record):
        return False
    try:
        ref = refs.parse(record.name)
    except InvalidParameter:
        return False
    return any(pattern.fullmatch(form) for form in (ref.familiar, ref.familiar_name))


_TOKEN = re.compile(
    r"(?P<star>\*+)|(?P<any>\?)|\[(?P<not>\^?)(?P<set>(?:\\.|[^\\\]])+)\]|\\(?P<quoted>.)|(?P<one>[^\\\[])"
)
_RANGE = re.compile(r"(\\.|[^\\-])(?:-(\\.|[^\\-]))?")


def glob(text: str) -> re.Pattern[str] | None:
    """Return a shell pattern as Go's path.Match reads it (`*` and `?` do not cross `/`); None for a broken one.

    Matching takes time in proportion to pattern times text: what a `*` skips is never tried again once the literal
    after it was found (an atomic group), which is right because the shortest skip leaves the most to the next one.
    """
    if len(text) > PATTERN_MAX:
        return None
    chunks, end = [""], 0
    for token in _TOKEN.finditer(text):
        if token.start() != end:
            return None
        end = token.end()
        if token["star"]:
            chunks.append("")
            continue
        piece = _class(token["not"], token["set"]) if token["set"] else _literal(token)
        if piece is None:
            return None
        chunks[-1] += piece
    if end != len(text):
        return None
    first, *rest = chunks
    if not rest:
        return re.compile(first)
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in rest[:-1] if chunk)
    return re.compile(f"{first}{middle}[^/]*{rest[-1]}")


def _literal(token: re.Match[str]) -> str:
    return "[^/]" if token["any"] else re.escape(token["quoted"] or token["one"])


def _class(negation: str, body: str) -> str | None:
    ranges, end = "", 0
    for found in _RANGE.finditer(body):
        if found.start() != end:
            return None
        end = found.end()
        low, high = found[1][-1], (found[2] or found[1])[-1]
        if low > high:
            return None
        ranges += f"{re.escape(low)}-{re.escape(high)}"
    return f"[{negation}{ranges}]" if end == len(body) else None
