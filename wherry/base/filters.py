"""The `filters` parameter of list, prune and events in both of its forms (api-containers.md 1.6)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter

PATTERN_MAX, REPEATS_MAX = 256, 3
_NESTED = re.compile(r"\)[*+{]|\\[1-9]")
_REPEAT = re.compile(r"[*+]|\{[0-9]*,[0-9]*\}")


def parse(text: str) -> dict[str, list[str]]:
    """Return key to values of `{"label":{"a=b":true}}` or the older `{"label":["a=b"]}`; empty text means none.

    null is nothing, wherever it stands. InvalidParameter `invalid filter` for anything else, and for a mix of both.
    """
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidParameter("invalid filter") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or len({type(values) for values in found.values() if values is not None}) > 1:
        raise InvalidParameter("invalid filter")
    return {key: _values(values) for key, values in found.items()}


def _values(values: Any) -> list[str]:
    if values is None:
        return []
    if isinstance(values, dict) and all(isinstance(flag, bool | None) for flag in values.values()):
        return [value for value, wanted in values.items() if wanted]
    if isinstance(values, list) and all(isinstance(value, str | None) for value in values):
        return [value or "" for value in values]
    raise InvalidParameter("invalid filter")


def has_labels(labels: Mapping[str, str] | None, wanted: Iterable[str]) -> bool:
    """Tell whether every `key` or `key=value` holds."""
    have = labels or {}
    pairs = (text.partition("=") for text in wanted)
    return all(key in have and (not equals or have[key] == value) for key, equals, value in pairs)


def matches(pattern: str, text: str) -> bool:
    """Search for a pattern, or compare with it as it is.

    A broken pattern finds nothing, nor does one that Python's backtracking could take for ever on.
    """
    if pattern == text:
        return True
    if len(pattern) > PATTERN_MAX or _NESTED.search(pattern) or len(_REPEAT.findall(pattern)) > REPEATS_MAX:
        return False
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False
