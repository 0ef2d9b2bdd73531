"""Times as image configs and the `until` filter write them (RFC 3339, Go durations, Unix seconds)."""

import re
from datetime import UTC, datetime

from wherry.base.errors import InvalidParameter
from wherry.base.units import SECOND, parse_timestamp

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[Tt](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,20}))?)?)?)?"
    r"([Zz]|[+-]\d\d:\d\d)?"
)
_DURATION = re.compile(r"[+-]?(?:(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:ns|us|µs|μs|ms|s|m|h))+")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> int | None:
    """Return nanoseconds since the epoch (negative before it) of RFC 3339 or a leading part of it; else None.

    What names no zone is local time.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    date, hour, minute, second, fraction, zone = match.groups()
    zone = "+00:00" if zone in ("Z", "z") else zone or ""
    try:
        at = datetime.fromisoformat(f"{date}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}")
        since = (at if zone else at.astimezone()) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return (since.days * 86400 + since.seconds) * SECOND + int((fraction or "")[:9].ljust(9, "0"))


def show_time(text: str) -> str | None:
    """Return an RFC 3339 time as Go prints it: nine digits at most, no zeros at the end, `Z` for UTC; else None."""
    match = _RFC3339.fullmatch(text)
    if match is None or not match[4] or not match[6] or parse_time(text) is None:
        return None
    digits = (match[5] or "")[:9].rstrip("0")
    zone = "Z" if match[6] in ("Z", "z", "+00:00", "-00:00") else match[6]
    return f"{match[1]}T{match[2]}:{match[3]}:{match[4]}{'.' + digits if digits else ''}{zone}"


def parse_moment(text: str, now_ns: int) -> int:
    """Return nanoseconds since the epoch of a time, or of a duration before now; InvalidParameter."""
    if not text.strip():
        raise InvalidParameter("failed to parse value as time or duration: value is empty")
    if text != "0" and _DURATION.fullmatch(text):
        return now_ns - _parse_duration(text)
    at = parse_time(text)
    if at is not None:
        return at
    try:
        return parse_timestamp(text)
    except InvalidParameter as error:
        raise InvalidParameter(f"failed to parse value as time or duration: {error}") from error


def _parse_duration(text: str) -> int:
    total = sum(int(float(number) * _UNITS[unit]) for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total
