import pytest

from wherry.base.errors import InvalidParameter
from wherry.streams.detach import KeyMatcher, parse_keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b"\x10\x11"),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("a", b"a"),
        ("a,ctrl-a,DEL", b"a\x01\x7f"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x00\x1b\x1c\x1d\x1e\x1f"),
    ],
)
def test_keys(text: str, keys: bytes) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-A", "ctrl-1", "ab", "a,,b", "€", "ctrl-pq"])
def test_bad_keys(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_keys(text)
    assert str(caught.value) == f"Invalid detach keys ({text}) provided"


def test_the_sequence_is_found_across_reads() -> None:
    keys = KeyMatcher(b"\x10\x11")
    assert keys.feed(b"ab\x10") == (b"ab", False)
    assert keys.feed(b"\x11later") == (b"", True)


def test_a_partial_match_is_released() -> None:
    keys = KeyMatcher(b"\x10\x11")
    assert keys.feed(b"a\x10") == (b"a", False)
    assert keys.feed(b"b") == (b"\x10b", False)
    assert keys.feed(b"\x10\x10\x11") == (b"\x10", True)


def test_no_keys_pass_everything() -> None:
    assert KeyMatcher(b"").feed(b"\x10\x11") == (b"\x10\x11", False)
