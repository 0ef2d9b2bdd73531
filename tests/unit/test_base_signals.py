"""Signals by name or number."""

import signal

import pytest

from wherry.base.errors import InvalidParameter
from wherry.base.signals import parse_signal


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9", 9),
        ("KILL", signal.SIGKILL),
        ("sigterm", signal.SIGTERM),
        ("CLD", signal.SIGCHLD),
        ("RTMIN+3", signal.SIGRTMIN + 3),
        ("SIGRTMAX-14", signal.SIGRTMAX - 14),
        ("99", 99),
    ],
)
def test_a_signal_is_read(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["", "0", "-5", "foo", "SIG", "RTMAX-15", "9" * 30, "²"])
def test_a_bad_signal_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^invalid signal: {text}$".replace("+", r"\+")):
        parse_signal(text)
