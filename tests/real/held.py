"""What the engine's own processes hold of containers: the leak detector's look into their descriptors."""

import ctypes
import fcntl
import os
import socket
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.real.engine import Engine
from wherry.host.netns import SIOCGSKNS

PIDFD_GETFD = 438
FAMILIES = {socket.AF_INET: "inet", socket.AF_INET6: "inet6", socket.AF_UNIX: "unix", socket.AF_NETLINK: "netlink"}
KINDS = {socket.SOCK_DGRAM: "dgram", socket.SOCK_STREAM: "stream", socket.SOCK_SEQPACKET: "seqpacket"}
BARE = Counter(
    {"/dev/null": 1, "names.log": 2, "[eventpoll]": 1, "socket unix stream": 2, "socket unix seqpacket": 2},
)
"""A resolver that serves nothing: its log, its event loop, its control socket and the connection with the daemon."""

_libc = ctypes.CDLL(None, use_errno=True)


def resolvers(engine: Engine) -> list[int]:
    """Pids of the engine's resolvers, of which there is one at most: they write to its log."""
    return [pid for pid in engine.box.processes() if _link(f"/proc/{pid}/fd/1") == f"{engine.exec}/names/names.log"]


def held(engine: Engine) -> Iterator[str]:
    """What the resolver holds beyond a bare one, and what holds namespaces of containers, pinned or not.

    A socket keeps its namespace alive, whatever becomes of the pin, so those of the daemon and the zygote count too.
    """
    pids = {"resolver": resolvers(engine)}
    yield from (f"another resolver, pid {pid}" for pid in pids["resolver"][1:])
    for pid in pids["resolver"]:
        for what, count in (Counter(_descriptors(pid)) - BARE).items():
            yield from (f"resolver: {what} no. {number}" for number in range(1, count + 1))
    if engine.running:
        pids |= {"daemon": [engine.pid], "zygote": engine.zygotes()}
    home = os.stat(f"/proc/{engine.box.pid}/ns/net").st_ino
    for who, found in pids.items():
        for pid in found:
            spare = _spare(engine, pid, home) if who == "daemon" else ""
            yield from (f"{who}: {what}" for what in _elsewhere(pid, home) if what != spare)


def _spare(engine: Engine, pid: int, home: int) -> str:
    """Return the netlink socket that alone keeps the namespace made ahead; there is one at most."""
    pinned = {line.split()[3] for line in Path(f"/proc/{engine.box.pid}/mountinfo").read_text().splitlines()}
    sockets = [what for what in _elsewhere(pid, home) if what.startswith("socket netlink")]
    return next((what for what in sockets if what.rpartition(" ")[2] not in pinned), "")


def _descriptors(pid: int) -> Iterator[str]:
    """Descriptors by what they are, without the numbers that differ from one to the next."""
    for fd in _fds(pid):
        what = _link(f"/proc/{pid}/fd/{fd}")
        if what.startswith("socket:"):
            yield "socket " + " ".join(_socket(pid, fd)[:2])
        elif what:
            yield what if what == os.devnull else what.rpartition("/")[2].removeprefix("anon_inode:").partition(":")[0]


def _elsewhere(pid: int, home: int) -> Iterator[str]:
    """Sockets and descriptors of network namespaces other than the box's.

    Unix sockets left out: a connection of the API is made in the namespace of its client.
    """
    for fd in _fds(pid):
        what = _link(f"/proc/{pid}/fd/{fd}")
        if what.startswith("socket:"):
            family, kind, space = _socket(pid, fd)
            if family != "unix" and space not in ("", f"net:[{home}]"):
                yield f"socket {family} {kind} in {space}"
        elif what.startswith("net:") and what != f"net:[{home}]":
            yield f"descriptor of {what}"


def _socket(pid: int, fd: int) -> tuple[str, str, str]:
    """Family, type and network namespace of a process's socket; empty words when it has been closed meanwhile."""
    copy = _copy(pid, fd)
    if copy < 0:
        return "", "", ""
    if not stat.S_ISSOCK(os.fstat(copy).st_mode):
        os.close(copy)
        return "", "", ""
    with socket.socket(fileno=copy) as sock:
        space = fcntl.ioctl(sock.fileno(), SIOCGSKNS)
        try:
            return (
                FAMILIES.get(sock.family, "other"),
                KINDS.get(sock.type, "raw"),
                os.readlink(f"/proc/self/fd/{space}"),
            )
        finally:
            os.close(space)


def _copy(pid: int, fd: int) -> int:
    """Return a copy of another process's descriptor (pidfd_getfd(2)), negative when either is gone."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return -1
    try:
        return int(_libc.syscall(ctypes.c_long(PIDFD_GETFD), process, fd, 0))
    finally:
        os.close(process)


def _fds(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
