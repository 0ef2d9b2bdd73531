"""The sockets that the API answers on: bound by us, or handed over by systemd (api-containers.md 1.1)."""

import asyncio
import contextlib
import grp
import ipaddress
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping

from wherry.base.errors import InvalidParameter
from wherry.base.offload import offload
from wherry.host.errors import translate
from wherry.host.notify import listen_fds
from wherry.main.config import Config

log = logging.getLogger("wherry.listen")

BACKLOG = 1024
INSECURE = (
    "Binding to IP address without --tlsverify is insecure and gives root access on this machine to everyone who has "
    "access to your network.",
    "Binding to an IP address, even on localhost, can also give access to scripts run in a browser. Be safe out there!",
)
DEPRECATED = (
    "Binding to an IP address without --tlsverify is deprecated. "
    "Startup is intentionally being slowed down to show this message",
    "Please consider generating tls certificates with client validation to prevent exposing unauthenticated root "
    "access to your network",
    "You can override this by explicitly specifying '--tls=false' or '--tlsverify=false'",
)
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
        elif scheme == "tcp":
            found.append(_tcp(address))
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


def _tcp(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    with translate(f"failed to load listeners: listen tcp {address}"):
        found = socket.getaddrinfo(
            host.strip("[]") or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, where = found[0]
        listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    return listener


def is_loopback(host: str) -> bool:
    """Whether a `tcp://` host can be reached from this machine alone; a name that nobody knows cannot be said to."""
    name = host.partition("://")[2].rpartition(":")[0].strip("[]")
    if name == "localhost":
        return True
    try:
        found = socket.getaddrinfo(name or "0.0.0.0", None)  # noqa: S104 - what an empty address means
    except OSError:
        return False
    return all(ipaddress.ip_address(str(where[0]).partition("%")[0]).is_loopback for *_, where in found)


async def caution(config: Config, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Warn of TCP without client certificates, and take Docker's time for it (api-containers.md 1.1)."""
    for host in config.hosts:
        if not host.startswith("tcp://") or config.tlsverify:
            continue
        for text in INSECURE:
            log.warning("%s (host %s)", text, host)
        await sleep(1)
        if not config.given & {"tls", "tlsverify"} and not await offload(is_loopback, host):
            for text in DEPRECATED:
                log.warning("%s (host %s)", text, host)
            await sleep(15)


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
