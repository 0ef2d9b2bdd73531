"""What a failed start or exec means: Docker's exit codes decided by the failing stage (start.md 3.3, weak place 12).

The docker CLI reads the texts, so they stay, also where they sound like a missing command and are none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from wherry.base.errors import EngineError, InvalidParameter, System

UNKNOWN = 128

_NOT_A_DIRECTORY = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)
Row = tuple[tuple[str, ...], int, str]
_WRONG_KIND: Row = (("not a directory",), 127, _NOT_A_DIRECTORY)
_ROWS: tuple[Row, ...] = (
    (("permission denied",), 126, ""),
    (("is a directory",), 126, ": permission denied"),
    _WRONG_KIND,
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
_RUNTIME = "oci runtime "
"""How a shim begins what its runtime said: `OCI runtime create failed: `. Other texts are of the shim or containerd."""
_SILENT = "unable to retrieve oci runtime error"
"""The runtime itself could not be run, so it wrote no log."""
_MOUNTING = ("error mounting ", "mount `")
"""How runc and crun name a mount that failed."""


class RuntimeRefused(InvalidParameter):
    """The runtime could not run what the user asked for (400); carries Docker's exit code."""

    def __init__(self, text: str, code: int) -> None:
        """Take the text for the client and the code for the record."""
        super().__init__(text)
        self.code = code


def at_runtime(text: str) -> EngineError:
    """Return the error for a text of containerd's: RuntimeRefused by the first matching row, else System."""
    lowered = text.lower()
    for needles, code, suffix in _rows(lowered):
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


def _rows(lowered: str) -> tuple[Row, ...]:
    """Return the rows that count at the stage which the text tells: only a command may be missing or not runnable."""
    if _RUNTIME not in lowered or _SILENT in lowered:
        return ()
    return (_WRONG_KIND,) if any(words in lowered for words in _MOUNTING) else _ROWS


def exit_code(error: BaseException) -> int:
    """Return the exit code that a failed start leaves in the record; never a stale one."""
    return error.code if isinstance(error, RuntimeRefused) else UNKNOWN
