"""The pid file, for scripts that look for it; the locks are what refuses a second daemon."""

import contextlib
import os
from types import TracebackType

from wherry.host.errors import translate
from wherry.host.files import write_atomic


class Pidfile:
    """Holds a file with this process's pid; an empty path means none."""

    def __init__(self, path: str) -> None:
        """Take the path."""
        self._path = path

    def __enter__(self) -> "Pidfile":
        if self._path:
            with translate("write the pid file"):
                os.makedirs(os.path.dirname(self._path), exist_ok=True)
                write_atomic(self._path, f"{os.getpid()}".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
