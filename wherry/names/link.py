"""The daemon's connection to the process of names: start one, find one again after a restart, order it."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from wherry.base.errors import DeadlineExceeded, System, Unavailable
from wherry.base.offload import offload
from wherry.host import packets
from wherry.host.packet_line import PacketLine
from wherry.host.packets import Message
from wherry.host.spawn import command, spawn
from wherry.names.zones import Sandbox, Zone, encode_sandbox, encode_zone

PROGRAM: Final = "wherry.names.__main__"
LIBRARY: Final = "dns"
SOCKET: Final = "control.sock"
LOG: Final = "names.log"
SECONDS: Final = 10.0
"""For its start, and for each answer."""
_CREDENTIALS: Final = struct.Struct("3i")


class Link:
    """A connection to a process of names."""

    def __init__(self, sock: socket.socket, lost: Callable[["Link"], None], pid: int) -> None:
        """Own the socket to a living process; `lost` is called once when the process is gone, never after `close`."""
        self._loop = asyncio.get_running_loop()
        self._answers: dict[int, asyncio.Future[tuple[Message, list[int]]]] = {}
        self._seq = 0
        self._lost = lost
        self._greeting: asyncio.Future[Message] = self._loop.create_future()
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)
        self.alive = True
        self.sandboxes: dict[str, Sandbox | None] = {}
        """What it serves, and what it was told of it; None when an earlier daemon told it."""
        self.zones: dict[str, Zone | None] = {}
        """The networks that it knows, and what it was told of them; None when an earlier daemon told it."""
        self._line = PacketLine(sock, self._received, self._ended)

    async def greet(self) -> int:
        """Wait for the greeting and return the protocol that it speaks. System, DeadlineExceeded."""
        try:
            async with asyncio.timeout(SECONDS):
                greeting = await self._greeting
        except TimeoutError as error:
            raise DeadlineExceeded(f"names: no greeting within {SECONDS:g} s") from error
        self.sandboxes = dict.fromkeys(greeting["sandboxes"])
        self.zones = dict.fromkeys(greeting.get("networks", ()))
        return int(greeting["protocol"])

    async def open(self, sandbox: Sandbox, fds: Sequence[int] = ()) -> None:
        """Have a sandbox served on its two sockets, which stay open here; without them, told anew."""
        await self._order("open", fds, sandbox=encode_sandbox(sandbox))
        self.sandboxes[sandbox.name] = sandbox

    async def close_sandbox(self, name: str) -> None:
        """Have it forgotten; not served is fine."""
        await self._order("close", sandbox=name)
        self.sandboxes.pop(name, None)

    async def lend(self, name: str) -> list[int]:
        """Return copies of a sandbox's sockets, the caller's."""
        _, fds = await self._order("lend", sandbox=name)
        return fds

    async def tell(self, network: str, zone: Zone | None) -> None:
        """Have a network's names known, or forgotten."""
        if zone is None:
            await self._order("zone", network=network)
            self.zones.pop(network, None)
            return
        fd = _file_of(encode_zone(zone))
        try:
            await self._order("zone", [fd], network=network)
        finally:
            os.close(fd)
        self.zones[network] = zone

    def kill(self) -> None:
        """End the process, as one that does not answer must be; `lost` is called then."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Drop the connection; the process goes on if it has a sandbox. Twice is fine."""
        self._line.close()
        self._end()

    async def _order(self, order: str, fds: Sequence[int] = (), **rest: Any) -> tuple[Message, list[int]]:
        self._seq += 1
        seq = self._seq
        answer = self._answers[seq] = self._loop.create_future()
        try:
            async with asyncio.timeout(SECONDS):
                await self._line.send({"order": order, "seq": seq, **rest}, fds, deadline=SECONDS)
                message, got = await answer
        except Unavailable:
            self.alive = False  # it does not take what is sent; `lost` follows
            raise
        except TimeoutError as error:
            self.kill()
            raise DeadlineExceeded(f"names: no answer to {order} within {SECONDS:g} s") from error
        finally:
            del self._answers[seq]
        return packets.checked(message), got

    def _received(self, message: Message, fds: list[int]) -> None:
        if not self._greeting.done():
            self._greeting.set_result(message)
            return
        answer = self._answers.get(message.get("seq", 0))
        if answer is None or answer.done():
            packets.close_all(fds)
        else:
            answer.set_result((message, fds))

    def _ended(self) -> None:
        self._end()
        if not self._greeting.done():
            self._greeting.set_exception(System("names: it ended before its greeting"))
        else:
            self._lost(self)

    def _end(self) -> None:
        self.alive = False
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Unavailable("names: the process has ended"))


async def start(directory: str, lost: Callable[[Link], None]) -> Link:
    """Start a process whose control socket is in the directory, and wait for its greeting. System with the reason."""
    ours, theirs = packets.pair()
    try:
        pid = await offload(_spawn, directory, theirs)
    except OSError as error:
        ours.close()
        raise System(f"start the resolver: {error.strerror or error}: {error.filename}") from error
    finally:
        theirs.close()
    _reap(pid)
    link = Link(ours, lost, pid)
    try:
        await link.greet()
    except BaseException as error:
        link.close()
        if isinstance(error, System):
            raise System(f"start the resolver: {error}: {await offload(_last_words, directory)}") from error
        raise
    return link


async def find(directory: str, protocol: int, lost: Callable[[Link], None]) -> Link | None:
    """Connect to the process that an earlier daemon started; None when there is none.

    One that says nothing, or speaks another protocol, is ended: what it served is opened anew, by the next one.
    """
    sock = await offload(_connect, directory)
    if sock is None:
        return None
    pid, _, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        link = Link(sock, lost, pid)
    except ProcessLookupError:
        sock.close()
        return None
    with contextlib.suppress(DeadlineExceeded, System):
        if await link.greet() == protocol:
            return link
    link.kill()
    link.close()
    return None


def _spawn(directory: str, first: socket.socket) -> int:
    os.makedirs(directory, mode=0o700, exist_ok=True)
    found = importlib.util.find_spec(LIBRARY)
    if found is None or found.origin is None:
        raise FileNotFoundError(2, "the dnspython package is not installed", LIBRARY)
    argv = command(PROGRAM, os.path.dirname(os.path.dirname(found.origin)))
    log = os.open(f"{directory}/{LOG}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        with _bind(directory) as server:
            return spawn(argv, (first.fileno(), server.fileno()), log)
    finally:
        os.close(log)


def _bind(directory: str) -> socket.socket:
    """Bind in place of a dead process; by way of an open directory, as a unix address has 108 bytes (unix(7)).

    The new process itself listens: whoever does that is who SO_PEERCRED names.
    """
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    base = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET, dir_fd=base)
        server.bind(f"/proc/self/fd/{base}/{SOCKET}")
        os.chmod(SOCKET, 0o600, dir_fd=base)
    except BaseException:
        server.close()
        raise
    finally:
        os.close(base)
    return server


def _connect(directory: str) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(SECONDS)
    try:
        base = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sock.connect(f"/proc/self/fd/{base}/{SOCKET}")
        finally:
            os.close(base)
    except OSError:  # no such socket, or nobody behind it
        sock.close()
        return None
    return sock


def _reap(pid: int) -> None:
    """Collect the process's exit when it comes; a process that outlives us is collected by init."""
    loop, fd = asyncio.get_running_loop(), os.pidfd_open(pid)

    def exited() -> None:
        loop.remove_reader(fd)
        os.close(fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

    loop.add_reader(fd, exited)


def _last_words(directory: str) -> str:
    with open(f"{directory}/{LOG}", encoding="utf-8", errors="replace") as file:
        return file.read().strip().rpartition("\n")[2] or "it says nothing"


def _file_of(data: Mapping[str, Any]) -> int:
    """Return a file in memory that holds the data as JSON."""
    fd = os.memfd_create("zone", os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(json.dumps(data, separators=(",", ":")).encode())
    return fd
