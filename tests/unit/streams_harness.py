"""A real zygote and real keepers in a temporary directory, and the ends that a shim and a client would hold."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wherry.host.spawn import command
from wherry.host.zygote import Zygote
from wherry.streams.client import Limits
from wherry.streams.frames import frame
from wherry.streams.keepers import AttachOptions, Keeper, Keepers, Notice, Stdio
from wherry.streams.logtarget import LogTarget

ARGV = command("tests.unit.streams_program", str(Path(__file__).parents[2]))
ID = "c" * 64
SOON = 5.0
BOTH = AttachOptions(stdout=True, stderr=True, framed=True)


class Client:
    """The far end of an attached socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._loop = asyncio.get_running_loop()

    async def read(self, size: int) -> bytes:
        """Return exactly that many bytes, or fewer at the end."""
        got = b""
        async with asyncio.timeout(SOON):
            while len(got) < size and (data := await self._loop.sock_recv(self.sock, size - len(got))):
                got += data
        return got

    async def read_to_end(self) -> bytes:
        return await self.read(1 << 30)

    async def write(self, data: bytes) -> None:
        async with asyncio.timeout(SOON):
            await self._loop.sock_sendall(self.sock, data)

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()


class Shim:
    """The far ends of a process's fifos, as a containerd shim holds them."""

    def __init__(self, stdio: Stdio) -> None:
        self.stdout = os.open(stdio.stdout, os.O_WRONLY)
        self.stderr = os.open(stdio.stderr, os.O_WRONLY) if stdio.stderr else -1
        self.stdin = os.open(stdio.stdin, os.O_RDONLY | os.O_NONBLOCK) if stdio.stdin else -1

    def write(self, data: bytes, stream: int = 1) -> None:
        os.write(self.stdout if stream == 1 else self.stderr, data)

    async def write_all(self, data: bytes) -> None:
        """Write more than a pipe holds."""
        async with asyncio.timeout(SOON):
            await asyncio.to_thread(write_all, self.stdout, data)

    async def read_stdin(self, size: int) -> bytes:
        """Return exactly that many bytes, or fewer at the end."""
        got = b""
        async with asyncio.timeout(SOON):
            while len(got) < size:
                try:
                    data = os.read(self.stdin, size - len(got))
                except BlockingIOError:
                    await readable(self.stdin)
                    continue
                if not data:
                    break
                got += data
        return got

    def close(self) -> None:
        for fd in (self.stdout, self.stderr, self.stdin):
            if fd >= 0:
                os.close(fd)
        self.stdout = self.stderr = self.stdin = -1


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


async def readable(fd: int) -> None:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(fd)


class Engine:
    """What of the daemon the streams need."""

    def __init__(self, zygote: Zygote, root: Path, limits: Limits) -> None:
        self.zygote = zygote
        self.root = root
        self.log = root / "json.log"
        self.target = LogTarget("json-file", str(self.log))
        self.notices: asyncio.Queue[Notice] = asyncio.Queue()
        self.keepers = Keepers(zygote, str(root), lambda _, notice: self.notices.put_nowait(notice), limits)

    async def running(self, tty: bool = False, stdin: bool = False) -> tuple[Keeper, Shim]:
        keeper = await self.keepers.fork(ID, 1, self.target)
        return keeper, Shim(await keeper.open(tty, stdin))

    async def attach(self, keeper: Keeper, options: AttachOptions, head: bytes = b"", exec_id: str = "") -> Client:
        ours, theirs = socket.socketpair()
        await keeper.attach_exec(exec_id, theirs.detach(), head, options)
        return Client(ours)

    async def notice(self) -> Notice:
        async with asyncio.timeout(SOON):
            return await self.notices.get()


@asynccontextmanager
async def engine(root: Path, limits: Limits | None = None) -> AsyncIterator[Engine]:
    zygote = await Zygote.start(None, ARGV)
    made = Engine(zygote, root, limits or Limits())
    try:
        yield made
    finally:
        for ident, generation in made.keepers.found():
            await made.keepers.release(ident, generation)
        await zygote.close()


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    async with asyncio.timeout(SOON):
        await readable(fd)
    os.close(fd)


def framed(stream: int, *payloads: bytes) -> bytes:
    return b"".join(frame(stream, payload) for payload in payloads)
