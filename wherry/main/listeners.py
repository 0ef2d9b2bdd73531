"""The sockets that the API answers on: bound by us, or handed over by systemd (api-containers.md 1.1)."""

import contextlib
import grp
import logging
import os
import socket
from collections.abc import Iterable, Mapping

from wherry.base.errors import InvalidParameter
from wherry.host.errors import translate
from wherry.host.notify import listen_fds

log = logging.getLogger("wherry.listen")

BACKLOG = 1024
DEFAULT_GROUP = "docker"


def bind(hosts: Iterable[str], group: str, environ: Mapping[str, str]) -> list[socket.socket]:
    """Return a listening socket for each host; InvalidParameter and System name the address and the reason."""
    found: list[socket.socket] = []
    for host in hosts:
        scheme, separator, address = host.partition("://")
        if not separator:
            raise InvalidParameter(f"bad format {host}, expected PROTO://ADDR")
        if scheme == "unix":
            found.append(_unix(address, group))
        elif scheme == "fd":
            found += _handed(address, environ)
        else:
            raise InvalidParameter(f'invalid protocol format: "{scheme}"')
    return found


def unbind(hosts: Iterable[str]) -> None:
    """Remove the files of the sockets that `bind` made; gone is fine. One that systemd handed over is systemd's."""
    for host in hosts:
        scheme, _, address = host.partition("://")
        if scheme == "unix":
            with translate(f"remove unix socket {address}"), contextlib.suppress(FileNotFoundError):
                os.unlink(address)


def _unix(path: str, group: str) -> socket.socket:
    with translate(f"can't create unix socket {path}"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        os.chown(path, 0, _group(group, path))
        os.chmod(path, 0o660)
        listener.listen(BACKLOG)
    return listener


def _group(name: str, path: str) -> int:
    """Return the id of a group by name or number; a missing default group is a warning and means our own."""
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name != DEFAULT_GROUP:
            raise InvalidParameter(f"group {name} not found: create it, or name another with --group") from None
    log.warning("could not change group %s to %s: the group does not exist", path, name)
    return os.getgid()


def _handed(wanted: str, environ: Mapping[str, str]) -> list[socket.socket]:
    fds = listen_fds(environ)
    if not fds:
        raise InvalidParameter("no sockets found via socket activation: make sure the service was started by systemd")
    if wanted and wanted != "*":
        if not wanted.isdecimal():
            raise InvalidParameter(f"failed to parse systemd fd address: should be a number: {wanted}")
        if int(wanted) not in fds:
            raise InvalidParameter("too few socket activated files passed in by systemd")
        fds = [int(wanted)]
    sockets = [socket.socket(fileno=fd) for fd in fds]
    for sock in sockets:
        sock.setblocking(False)
        sock.set_inheritable(False)
    return sockets
