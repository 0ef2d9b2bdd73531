"""What a failed start or exec means: Docker's exit codes decided by the failing stage (start.md 3.3).

The docker CLI reads the texts, so they stay; only what the runtime said may mean 126 or 127.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from wherry.base.errors import EngineError, InvalidParameter, System

UNKNOWN = 128

_NOT_A_DIRECTORY = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)
_ROWS: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("permission denied",), 126, ""),
    (("is a directory",), 126, ": permission denied"),
    (("not a directory",), 127, _NOT_A_DIRECTORY),
    (
        (
            "executable file not found",
            "no such file or directory",
            "system cannot find the file specified",
            "failed to run runc create/exec call",
        ),
        127,
        "",
    ),
)


class RuntimeRefused(InvalidParameter):
    """The runtime could not run what the user asked for (400); carries Docker's exit code."""

    def __init__(self, text: str, code: int) -> None:
        """Take the text for the client and the code for the record."""
        super().__init__(text)
        self.code = code


def at_runtime(text: str) -> EngineError:
    """Return the error for a text of the runtime: RuntimeRefused by the first matching row, else System."""
    lowered = text.lower()
    for needles, code, suffix in _ROWS:
        if any(needle in lowered for needle in needles):
            return RuntimeRefused(text + suffix, code)
    return System(text)


@contextmanager
def at_spec() -> Iterator[None]:
    """Turn what cannot be written into a spec into System: Docker answers 500, also where the request is to blame."""
    try:
        yield
    except InvalidParameter as error:
        raise System(str(error)) from error


def exit_code(error: BaseException) -> int:
    """Return the exit code that a failed start leaves in the record; never a stale one."""
    return error.code if isinstance(error, RuntimeRefused) else UNKNOWN
