"""Messages between our processes: one JSON object with descriptors per packet of a SOCK_SEQPACKET socket (unix(7)).

Standard library only: zygote and keepers import it.
"""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any, Final

from wherry.base import errors
from wherry.base.errors import EngineError, InvalidParameter, System

Message = dict[str, Any]

SIZE: Final = 128 * 1024
"""Most bytes of one message; the kernel's default send buffer holds it."""
DESCRIPTORS: Final = 16
"""Most descriptors with one message."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected packet sockets."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(sock: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send one message whole; the descriptors stay open here.

    InvalidParameter when it is larger than SIZE, BlockingIOError when a non-blocking socket is full, OSError when the
    peer is gone.
    """
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > SIZE:
        raise InvalidParameter(f"message of {len(data)} bytes to a process of the engine: at most {SIZE} are allowed")
    socket.send_fds(sock, [data], fds)


def receive(sock: socket.socket) -> tuple[Message, list[int]] | None:
    """Return the next message with its descriptors (close-on-exec, the caller's), or None at the end.

    BlockingIOError when a non-blocking socket is empty; System when the message was cut, its descriptors closed.
    """
    try:
        data, fds, flags, _ = socket.recv_fds(sock, SIZE, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return None
    if not data:
        close_all(fds)
        return None
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        close_all(fds)
        raise System("a message between processes of the engine was cut: too long, or too many descriptors")
    return json.loads(data), list(fds)


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors that nobody will use."""
    for fd in fds:
        os.close(fd)


def failure(error: EngineError | OSError, step: str) -> Message:
    """Return the answer that `checked` turns into the same kind elsewhere; an OSError becomes System with the step."""
    if isinstance(error, EngineError):
        return {"error": type(error).__name__, "text": str(error)}
    where = f" {error.filename}" if error.filename else ""
    return {"error": "System", "text": f"{step}{where}: {error.strerror or error}"}


def checked(answer: Message) -> Message:
    """Return the answer, or raise the kind that a `failure` names."""
    name = answer.get("error")
    if name is None:
        return answer
    kind = getattr(errors, str(name), System)
    if not (isinstance(kind, type) and issubclass(kind, EngineError)):
        kind = System
    raise kind(answer.get("text", "no reason given"))
