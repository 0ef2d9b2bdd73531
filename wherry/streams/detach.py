"""Detach keys: the sequence that ends an attachment to a terminal (api-containers.md 2.3)."""

from typing import Final

from wherry.base.errors import InvalidParameter

DEFAULT: Final = b"\x10\x11"
"""ctrl-p, ctrl-q."""

_PUNCTUATION: Final = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_keys(text: str, what: str = "detach") -> bytes:
    """Return the bytes of `ctrl-p,ctrl-q`, `a,ctrl-^,DEL`; empty text means DEFAULT.

    InvalidParameter: `Invalid detach keys (<k>) provided`; `what` is Docker's other word for them at exec create.
    """
    if not text:
        return DEFAULT
    try:
        return bytes(_code(key) for key in text.split(","))
    except ValueError as error:
        raise InvalidParameter(f"Invalid {what} keys ({text}) provided") from error


def _code(key: str) -> int:
    """Return the byte of one key; ValueError when there is no such key."""
    if len(key) == 1:
        return key.encode("latin-1")[0]
    if key == "DEL":
        return 127
    control = key.removeprefix("ctrl-")
    if len(control) != 1 or control == key:
        raise ValueError(key)
    if "a" <= control <= "z":
        return ord(control) - ord("a") + 1
    if control in _PUNCTUATION:
        return _PUNCTUATION[control]
    raise ValueError(key)


class KeyMatcher:
    """Looks for the sequence in what a client types; a partial match is held back until the next byte decides."""

    def __init__(self, keys: bytes) -> None:
        """Take the sequence; an empty one never matches."""
        self._keys = keys
        self._matched = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return the bytes to pass on, and whether the sequence was completed (what follows it is dropped)."""
        keys = self._keys
        if not keys or (not self._matched and keys[0] not in data):
            return data, False
        passed = bytearray()
        for byte in data:
            if byte == keys[self._matched]:
                self._matched += 1
                if self._matched == len(keys):
                    self._matched = 0
                    return bytes(passed), True
                continue
            passed += keys[: self._matched]
            self._matched = int(byte == keys[0])
            if not self._matched:
                passed.append(byte)
        return bytes(passed), False
