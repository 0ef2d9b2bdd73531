"""What systemd tells and wants to hear: sd_notify(3) and sd_listen_fds(3), over their documented wire forms."""

import os
import socket
from collections.abc import Mapping

FIRST = 3
"""SD_LISTEN_FDS_START."""


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Send a state such as `READY=1` to the supervisor that asked for it; nothing without NOTIFY_SOCKET."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), address)


def listen_fds(environ: Mapping[str, str]) -> list[int]:
    """Return the sockets that were handed over by socket activation to this very process."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    return list(range(FIRST, FIRST + int(environ.get("LISTEN_FDS", "0"))))
