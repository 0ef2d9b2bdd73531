"""Times, durations and sizes as Docker writes and reads them (api-containers.md 1.5, 3.8, 3.9)."""

import re
from datetime import UTC, datetime, timedelta

from wherry.base.errors import InvalidParameter

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

NEVER = "0001-01-01T00:00:00Z"
"""How a time that never was is written: Go's zero time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_HOURS, _WEEK_HOURS, _MONTH_HOURS, _YEAR_HOURS = 24, 24 * 7, 24 * 30, 24 * 365
# Below how many hours, in which unit of how many hours, under which name.
_LONG = (
    (48, 1, "hours"),
    (2 * _WEEK_HOURS, _DAY_HOURS, "days"),
    (2 * _MONTH_HOURS, _WEEK_HOURS, "weeks"),
    (2 * _YEAR_HOURS, _MONTH_HOURS, "months"),
)

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp]?)(?:i?b)?)", re.IGNORECASE)
_SIZE_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}

_SECONDS = range(-(2**63), 2**63)


def format_time(at_ns: int) -> str:
    """Return RFC 3339 in UTC of nanoseconds since the epoch, trailing zeros of the fraction cut; 0 is NEVER."""
    if at_ns == 0:
        return NEVER
    seconds, fraction = divmod(at_ns, SECOND)
    whole = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def parse_timestamp(text: str) -> int:
    """Return nanoseconds since the epoch of `<seconds>[.<fraction>]`, the fraction padded or cut to 9 digits.

    InvalidParameter in Docker's words; the caller puts the parameter's name before them.
    """
    seconds, _, fraction = text.partition(".")
    whole = _parse_part(text, "seconds", seconds, signed=True)
    if whole not in _SECONDS:
        raise InvalidParameter(f'invalid timestamp "{text}": invalid seconds "{seconds}": value out of range')
    if not fraction:
        return whole * SECOND
    return whole * SECOND + _parse_part(text, "nanoseconds", fraction[:9].ljust(9, "0"), signed=False)


def _parse_part(text: str, what: str, digits: str, signed: bool) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}" if signed else r"[0-9]{1,19}", digits):
        raise InvalidParameter(f'invalid timestamp "{text}": invalid {what} "{digits}": invalid syntax')
    return int(digits)


def human_duration(span_ns: int) -> str:
    """Return how `ps` words a span of nanoseconds: `3 seconds`, `About an hour`, `2 weeks`."""
    seconds = span_ns // SECOND
    if seconds < 60:
        return "Less than a second" if seconds < 1 else "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = span_ns // MINUTE
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = (span_ns + HOUR // 2) // HOUR
    if hours == 1:
        return "About an hour"
    for below, unit, name in _LONG:
        if hours < below:
            return f"{hours // unit} {name}"
    return f"{span_ns // HOUR // _YEAR_HOURS} years"


def format_duration(span_ns: int) -> str:
    """Return a span of nanoseconds, not negative, as Go writes it: `1h0m0s`, `1.5s`, `100ms`, `0s`."""
    if span_ns < SECOND:
        for name, unit in (("ms", 1_000_000), ("µs", 1000), ("ns", 1)):
            if span_ns >= unit:
                return f"{_decimal(span_ns, unit)}{name}"
        return "0s"
    hours, rest = divmod(span_ns, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{before}{_decimal(rest, SECOND)}s"


def _decimal(number: int, unit: int) -> str:
    """Return number / unit exactly; the unit is a power of ten."""
    whole, fraction = divmod(number, unit)
    digits = str(unit + fraction)[1:].rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def parse_size(text: str) -> int:
    """Return the bytes of `10m`, `1.5g`, `64 KiB`: powers of 1024. InvalidParameter: `invalid size: '<text>'`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidParameter(f"invalid size: '{text}'")
    number, unit = match.groups()
    return int(float(number) * 1024 ** _SIZE_POWERS[unit.lower()])
