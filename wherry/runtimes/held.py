"""The files of a direct run's directory that outlive whoever wrote them: what the run may hold, and how it ended."""

import contextlib
import signal

import msgspec

from wherry.host import proc
from wherry.host.errors import translate

HELD = "direct.json"
"""File of a run's directory that names what the run may hold."""
EXIT = "exit.json"
"""File that a keeper leaves when the container's own process has ended (streams/parent.py)."""


class Held(msgspec.Struct, frozen=True):
    """What a run may hold: the runtime's command line before the verb, and the container's cgroup."""

    runtime: list[str]
    root: str
    group: str


def end_commands(held: Held, ident: str) -> None:
    """Kill (blocking) the runtime's commands for a container that a dead keeper has left behind.

    By its root and the id: the program may be a script, whose interpreter comes first, or which has become another.
    """
    for process, argv in proc.command_lines():
        if held.root in argv and ident in argv:
            proc.kill(process, signal.SIGKILL)


def read_held(directory: str) -> Held | None:
    """Return (blocking) what the run of a directory may hold, None for nothing."""
    text = read(f"{directory}/{HELD}")
    return msgspec.json.decode(text, type=Held) if text else None


def read(path: str) -> bytes:
    """Return the content of a file, empty when there is none."""
    with translate("read a file of a run"), contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read()
    return b""
