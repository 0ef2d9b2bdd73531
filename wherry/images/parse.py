"""JSON documents of images: index, manifest, config, and the tables of archives."""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `parse_document` raises."""


def parse_document(raw: bytes, kind: type[T]) -> T:
    """Decode a document; one of MALFORMED if it is no JSON or not of its kind.

    A null member means the same as an absent one to everybody who writes images.
    """
    return msgspec.convert(_without_nulls(msgspec.json.decode(raw)), kind)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value
