"""Programs of ours, exec'd with the descriptors they are given and nothing else: no environment, their own session."""

import fcntl
import os
import sys
from collections.abc import Sequence
from typing import Final

import wherry
from wherry.host import packets

BOOT: Final = "import sys; sys.path[:0] = sys.argv[1:]; from {0} import main; main()"
"""Without `site` (-S) no path file of a virtual environment runs, and nothing of it can be imported."""
FIRST_FREE: Final = 64
"""Descriptors are moved above this before posix_spawn puts them where they belong: equal numbers would stay cloexec."""
FIRST: Final = 3
"""Number of the first descriptor that a program is given, besides 0 to 2."""


def command(program: str, *roots: str) -> list[str]:
    """Return the command line that runs `main` of a module with this interpreter and this copy of the package.

    `roots` are more directories that modules are looked for in.
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(wherry.__file__)))
    return [sys.executable, "-I", "-S", "-c", BOOT.format(program), root, *roots]


def spawn(argv: list[str], fds: Sequence[int], output: int | None = None) -> int:
    """Start a program and return its pid: `fds` become 3, 4 and so on, `output` its 1 and 2; all stay open here.

    It leads a session of its own: a terminal's interrupt does not reach it. OSError.
    """
    wanted = {FIRST + place: fd for place, fd in enumerate(fds)}
    if output is not None:
        wanted |= {1: output, 2: output}
    moved = {place: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE) for place, fd in wanted.items()}
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    places = [(os.POSIX_SPAWN_DUP2, fd, place) for place, fd in moved.items()]
    try:
        return os.posix_spawn(argv[0], argv, {}, file_actions=[null, *places], setsid=True)
    finally:
        packets.close_all(list(moved.values()))
