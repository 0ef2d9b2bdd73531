"""Programs with arguments: a shim knows a path alone, so each gets a script that execs it (start.md 4.4).

Unlike Docker's, every word is quoted, the shell does not stay as a parent, and a script that a living container was
started with stays although its entry has changed.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Container, Sequence

from wherry.host.errors import translate
from wherry.host.files import write_atomic

MODE = 0o700


class Scripts:
    """The directory of scripts, `<data-root>/runtimes`; a file is `<digest of the runtime's name>.<of its text>`."""

    def __init__(self, directory: str) -> None:
        """Name the directory; it is made when it is first needed."""
        self._directory = directory

    def write(self, name: str, path: str, args: Sequence[str]) -> str:
        """Write the script of a runtime (blocking) and return its path; the one of another text stays as it was."""
        text = f'#!/bin/sh\n# {json.dumps(name)}\nexec {shlex.join([path, *args])} "$@"\n'.encode()
        script = f"{self._directory}/{_digest(name.encode())}.{_digest(text)}"
        with translate(f"write the script of runtime {name}"):
            os.makedirs(self._directory, mode=MODE, exist_ok=True)
            if not os.path.exists(script):
                write_atomic(script, text, MODE)
        return script

    def sweep(self, scripts: Container[str], names: Sequence[str]) -> None:
        """Remove (blocking) what is not among the scripts of now and not of a runtime that containers still use."""
        used = {_digest(name.encode()) for name in names}
        with translate("remove the scripts of runtimes that are gone"):
            for file in os.listdir(self._directory) if os.path.isdir(self._directory) else ():
                path = f"{self._directory}/{file}"
                if path not in scripts and file.partition(".")[0] not in used:
                    os.unlink(path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
