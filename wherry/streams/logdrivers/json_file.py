"""The driver `json-file`: one JSON object per record, byte for byte as Docker writes it (api-containers.md 4.4).

Shippers read this file, so the order of keys and every escape count. Speed comes from treating all the lines of one
read as one block: escapes are replaced in the whole block, then each newline by the constant text between two records.
"""

import json
import re
import time
from collections.abc import Mapping
from typing import Final

from wherry.base.errors import InvalidParameter
from wherry.streams.logtarget import LogDriver, LogTarget, Report
from wherry.streams.rotation import RotatingFile

NAME: Final = "json-file"
KEYS: Final = frozenset(
    ("max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"),
)

_STREAMS: Final = {1: b"stdout", 2: b"stderr"}
_HEAD: Final = b'{"log":"'

_SHORT: Final = {ord('"'): b'\\"', ord("\\"): b"\\\\", ord("\n"): b"\\n", ord("\r"): b"\\r"}
_ESCAPED: Final = {byte: _SHORT.get(byte, b"\\u%04x" % byte) for byte in (*range(0x20), *b'"\\<>&')}
_PLAIN: Final = bytes(byte for byte in range(256) if byte not in _ESCAPED or byte == ord("\n"))
"""What the whole-block pass leaves alone: newlines part the records, bytes from 0x80 are looked at as UTF-8."""
_SEPARATORS: Final = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
_INVALID: Final = re.compile("[\udc80-\udcff]")

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "false", "FALSE", "False"))


def validate(options: Mapping[str, str]) -> None:
    """Check the keys at create; values are looked at when the container starts, as Docker does."""
    for key in options:
        if key not in KEYS:
            raise InvalidParameter(f"unknown log opt '{key}' for {NAME} log driver")


def target(options: Mapping[str, str], path: str, attrs: Mapping[str, str]) -> LogTarget:
    """Parse the values at start; InvalidParameter in Docker's words."""
    max_size = _parse_size(options["max-size"]) if "max-size" in options else 0
    max_file = _parse_count(options.get("max-file", "1"))
    compress = _parse_bool(options.get("compress", "false"))
    if compress and (max_file < 2 or max_size == 0):
        raise InvalidParameter("compress cannot be true when max-file is less than 2 or max-size is not set")
    return LogTarget(NAME, path, max_size, max_file, compress, dict(attrs) or None)


def _parse_size(text: str) -> int:
    """Return bytes; units are decimal here: `10m` is ten million."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidParameter(f"invalid size: '{text}'")
    size = int(float(match[1]) * 1000 ** _POWERS[match[2].lower()])
    if size <= 0:
        raise InvalidParameter("max-size must be a positive number")
    return size


def _parse_count(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise InvalidParameter(f'strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 1:
        raise InvalidParameter("max-file cannot be less than 1")
    return int(text)


def _parse_bool(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise InvalidParameter(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in _TRUE


def escape(block: bytes) -> bytes:
    """Return the block as the inside of a JSON string, newlines left as they are.

    Each byte that is no UTF-8 becomes the text `\\ufffd`; quotes, controls and `<>&` are escaped, DEL is not.
    """
    for byte in sorted(set(block.translate(None, _PLAIN)), key=lambda byte: byte != ord("\\")):
        block = block.replace(bytes((byte,)), _ESCAPED[byte])
    if block.isascii():
        return block
    for separator, escaped in _SEPARATORS:
        block = block.replace(separator, escaped)
    try:
        block.decode()
    except UnicodeDecodeError:
        return _INVALID.sub(r"\\ufffd", block.decode("utf-8", "surrogateescape")).encode()
    return block


class JsonFileSink:
    """Writes records to a rotating file."""

    def __init__(self, target: LogTarget, report: Report) -> None:
        """Open the file for appending; OSError when that fails."""
        self._file = RotatingFile(target.path, target.max_size, target.max_file, target.compress, report)
        attrs = _attributes(target.attrs)
        self._middle = {stream: b'","stream":"%s",%s"time":"' % (name, attrs) for stream, name in _STREAMS.items()}
        self._second = -1
        self._second_text = ""

    def lines(self, stream: int, block: bytes, at_ns: int) -> None:
        """Write whole lines."""
        tail = b'\\n%s%s"}\n' % (self._middle[stream], self._stamp(at_ns))
        records = escape(block[:-1]).replace(b"\n", tail + _HEAD)
        self._file.write(b"%s%s%s" % (_HEAD, records, tail), at_ns)

    def partial(self, stream: int, piece: bytes, at_ns: int) -> None:
        """Write a part of a line: a record whose text does not end in a newline."""
        record = b'%s%s%s%s"}\n' % (_HEAD, escape(piece), self._middle[stream], self._stamp(at_ns))
        self._file.write(record, at_ns)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _stamp(self, at_ns: int) -> bytes:
        """RFC 3339 with nanoseconds, trailing zeros cut."""
        second, fraction = divmod(at_ns, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        digits = f"{fraction:09d}".rstrip("0")
        return (f"{self._second_text}.{digits}Z" if digits else f"{self._second_text}Z").encode()


def _attributes(attrs: Mapping[str, str] | None) -> bytes:
    """Return `"attrs":{…},` with sorted keys, or nothing."""
    if not attrs:
        return b""
    text = json.dumps(attrs, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return b'"attrs":%s,' % text.encode("utf-8", "replace")


DRIVER: Final = LogDriver(NAME, True, validate, target, JsonFileSink)
