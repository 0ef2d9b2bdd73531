"""The directories of keepers, as the daemon finds and removes them. Blocking functions."""

import contextlib
import json
import os
import select
import signal
import socket
from typing import Final

from wherry.base.errors import System
from wherry.host import files, proc
from wherry.streams.control import SOCKET
from wherry.streams.keeper import IDENTITY

DIE_SECONDS: Final = 5.0


def found(root: str) -> list[tuple[str, int]]:
    """Return id and generation of every `<root>/<id>/<generation>`; empty when there is no root."""
    with contextlib.suppress(FileNotFoundError):
        return sorted((ident, generation) for ident in os.listdir(root) for generation in generations(root, ident))
    return []


def generations(root: str, ident: str) -> list[int]:
    """Return the generations of one container that have a directory."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(int(name) for name in os.listdir(os.path.join(root, ident)) if name.isdecimal())
    return []


def connect(directory: str) -> socket.socket | None:
    """Connect to the keeper, or return None.

    By way of an open directory, because a unix address has 108 bytes at most (unix(7)).
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        base = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sock.connect(f"/proc/self/fd/{base}/{SOCKET}")
        finally:
            os.close(base)
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    return sock


def remove(directory: str) -> None:
    """Kill the keeper unless it has ended, and remove its directory; idempotent."""
    identity = _read_identity(directory)
    if identity is not None:
        _kill(identity)
    files.remove_tree(directory)
    with contextlib.suppress(OSError):  # another generation is there, or nothing at all
        os.rmdir(os.path.dirname(directory))


def _read_identity(directory: str) -> proc.Identity | None:
    try:
        with open(os.path.join(directory, IDENTITY), encoding="ascii") as file:
            return proc.Identity(**json.load(file))
    except FileNotFoundError:
        return None


def _kill(identity: proc.Identity) -> None:
    """Kill a process and wait until it is gone; System when it stays."""
    try:
        fd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        if not proc.kill(identity, signal.SIGKILL):
            return
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(DIE_SECONDS * 1000):
            raise System(f"keeper {identity.pid} did not die within {DIE_SECONDS:g} s of its kill")
    finally:
        os.close(fd)
