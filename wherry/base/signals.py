"""Signals by name or number, as Docker reads them (signal(7); start.md 1.6)."""

import signal

from wherry.base.errors import InvalidParameter

_BY_NAME: dict[str, int] = {
    name.removeprefix("SIG"): int(number) for name, number in signal.Signals.__members__.items()
}
_BY_NAME |= {f"RTMIN+{step}": signal.SIGRTMIN + step for step in range(1, 16)}
_BY_NAME |= {f"RTMAX-{step}": signal.SIGRTMAX - step for step in range(1, 15)}


def parse_signal(text: str) -> int:
    """Return the number of `9`, `KILL`, `sigterm`, `RTMIN+3`; InvalidParameter `invalid signal: <text>`.

    A number is returned as it is: whether the system has it is for the one who sends it to say.
    """
    if text.isascii() and text.isdecimal() and len(text) < 10:
        number: int | None = int(text)
    else:
        number = _BY_NAME.get(text.upper().removeprefix("SIG"))
    if not number:
        raise InvalidParameter(f"invalid signal: {text}")
    return number
