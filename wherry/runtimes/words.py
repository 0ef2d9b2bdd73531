"""What a runtime says of a command that failed, in the words that clients know: a shim's and runc's (start.md 3.3).

The docker CLI takes its exit status from them, 126 or 127. runc has them; crun says the same otherwise.
"""

import contextlib
import os
import re

import msgspec

_ERRNO = ("No such file or directory", "Permission denied", "Not a directory", "Is a directory")
"""strerror(3), as crun writes it; Go begins with a small letter."""
_MISSING = re.compile(r"executable file `(?P<name>.*)` not found in \$PATH: no such file or directory")
_NOT_RUNNABLE = re.compile(r"open executable: (permission denied|Operation not permitted)")


class _Message(msgspec.Struct):
    msg: str = ""
    level: str = ""


def complaint(verb: str, program: str, status: int, log: str, command: str = "", talk: str = "") -> str:
    """Return why a verb of a runtime failed: the last error of its log (JSON lines), or that it has logged nothing.

    `command` is the program that the user wanted to run. `talk` is what the runtime wrote to its standard error: some
    failures come before there is a log.
    """
    said = ""
    for line in log.splitlines():
        with contextlib.suppress(msgspec.DecodeError):
            message = msgspec.json.decode(line.encode(), type=_Message)
            said = message.msg if message.level in ("error", "fatal") else said
    if not said:
        how = f"signal {status - 128}" if status > 128 else f"exit status {status}"
        said = (
            f"unable to retrieve OCI runtime error: {os.path.basename(program)} did not terminate successfully: {how}"
        )
        said += f": {talk.strip()}" if talk.strip() else ""
    return f"OCI runtime {verb} failed: {_as_runc(said.strip(), command)}"


def _as_runc(said: str, command: str) -> str:
    for words in _ERRNO:
        said = said.replace(words, words[0].lower() + words[1:])
    said = _NOT_RUNNABLE.sub(f'exec: "{command}": permission denied', said)
    missing = _MISSING.search(said)
    if missing is None:
        return said
    name = missing["name"]
    why = f"stat {name}: no such file or directory" if "/" in name else "executable file not found in $PATH"
    return said.replace(missing[0], f'exec: "{name}": {why}')
