"""What systemd tells and wants to hear: sd_notify(3) and sd_listen_fds(3), over their documented wire forms."""

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger("wherry.notify")

FIRST = 3
"""SD_LISTEN_FDS_START."""


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Send a state such as `READY=1` to the supervisor that asked for it; nothing without NOTIFY_SOCKET.

    A supervisor that does not listen is a warning: the engine works without it.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(state.encode(), address)
        except OSError as error:
            log.warning("NOTIFY_SOCKET %s does not take %s: %s", address, state.partition("\n")[0], error)


def listen_fds(environ: Mapping[str, str]) -> list[int]:
    """Return the sockets that were handed over by socket activation to this very process."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    return list(range(FIRST, FIRST + int(environ.get("LISTEN_FDS", "0"))))
