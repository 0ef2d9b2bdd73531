"""The daemon's side of the zygote: start it, order jobs from it, end it.

The zygote is exec'd with 0 to 2, its control socket and the lock, an empty environment and a session of its own
(a terminal's interrupt must not reach it), and dies with the daemon: it sees the end of its control socket.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Sequence
from typing import Final

from wherry.base.errors import DeadlineExceeded, System, Unavailable
from wherry.host import packets
from wherry.host.packet_line import PacketLine
from wherry.host.packets import Message
from wherry.host.spawn import command, spawn

log = logging.getLogger("wherry.zygote")

PROGRAM: Final = "wherry.main.zygote"
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 10.0


class Zygote:
    """The zygote of this engine. One that has died is replaced at the next order; its residents go on."""

    def __init__(self, lock_fd: int | None, argv: list[str]) -> None:
        """Name the program and the lock that it holds; use `start`."""
        self._lock_fd = lock_fd
        self._argv = argv
        self._starting = asyncio.Lock()
        self._process: _Process | None = None

    @classmethod
    async def start(cls, lock_fd: int | None, argv: list[str] | None = None) -> "Zygote":
        """Spawn the zygote and wait until it is ready. System names the failure; nothing is left behind then."""
        zygote = cls(lock_fd, argv or command(PROGRAM))
        zygote._process = await _Process.start(zygote._argv, lock_fd)
        return zygote

    @property
    def pid(self) -> int:
        """The pid of the process of now, 0 after `close`."""
        return self._process.pid if self._process is not None else 0

    async def launch(self, job: str, args: Message, fds: Sequence[int] = (), *, deadline: float) -> socket.socket:
        """Order a job and return the socket that its child answers on. The given descriptors stay open here."""
        process = await self._living(job)
        ours, theirs = packets.pair()
        try:
            await process.line.send({"job": job, "args": args}, [theirs.fileno(), *fds], deadline=deadline)
        except Unavailable as error:
            ours.close()
            raise Unavailable(f"{job}: the zygote has just ended; try again") from error
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    async def order(
        self, job: str, args: Message, fds: Sequence[int] = (), *, deadline: float
    ) -> tuple[Message, list[int]]:
        """Run a helper job and return its answer and its descriptors, which are the caller's.

        Raises the kind that the job raised, System when its child died, DeadlineExceeded after `deadline` seconds (the
        child may then still end its work). A cancelled caller waits for the child first, so that an undo does not
        overtake the effect.
        """
        task = asyncio.create_task(self._ask(job, args, fds, deadline), name=f"zygote {job}")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                packets.close_all(task.result()[1])
            raise

    async def _ask(self, job: str, args: Message, fds: Sequence[int], deadline: float) -> tuple[Message, list[int]]:
        answer: asyncio.Future[tuple[Message, list[int]]] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(deadline):
                sock = await self.launch(job, args, fds, deadline=deadline)
                with contextlib.closing(_reply_line(sock, answer, job)):
                    message, got = await answer
        except TimeoutError as error:
            raise DeadlineExceeded(f"{job}: no answer from its helper within {deadline:g} s") from error
        return packets.checked(message), got

    async def close(self) -> None:
        """End the zygote and wait for it. Its residents go on."""
        async with self._starting:
            process, self._process = self._process, None
        if process is not None:
            await process.close()

    async def _living(self, job: str) -> "_Process":
        async with self._starting:
            if self._process is None:
                raise Unavailable(f"{job}: the zygote has ended")
            if self._process.gone.is_set():
                log.error("the zygote (pid %d) has died and is started again", self._process.pid)
                self._process.line.close()
                self._process = await _Process.start(self._argv, self._lock_fd)
            return self._process


class _Process:
    """One zygote process, from its birth to its end."""

    def __init__(self, pid: int, sock: socket.socket) -> None:
        self.pid = pid
        self.gone = asyncio.Event()
        self._pidfd = os.pidfd_open(pid)
        self._ready: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.line = PacketLine(sock, self._received, self._lost)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pidfd, self._exited)

    @classmethod
    async def start(cls, argv: list[str], lock_fd: int | None) -> "_Process":
        ours, theirs = packets.pair()
        try:
            pid = _spawn(argv, theirs.fileno(), lock_fd)
        except OSError as error:
            ours.close()
            raise System(f"start the zygote: {error.strerror or error}") from error
        finally:
            theirs.close()
        process = cls(pid, ours)
        try:
            async with asyncio.timeout(START_SECONDS):
                await process._ready
        except BaseException as error:
            await process.close()
            if isinstance(error, TimeoutError):
                raise System(f"start the zygote: not ready within {START_SECONDS:g} s") from error
            raise
        return process

    async def close(self) -> None:
        """End it and wait; killed after STOP_SECONDS."""
        self.line.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.gone.wait()
        except TimeoutError:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            await self.gone.wait()

    def _received(self, message: Message, fds: list[int]) -> None:
        packets.close_all(fds)
        if not self._ready.done():
            self._ready.set_result(message)

    def _lost(self) -> None:
        if not self._ready.done():
            self._ready.set_exception(System("start the zygote: it ended before it was ready, see its standard error"))

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self.gone.set()


def _reply_line(sock: socket.socket, answer: "asyncio.Future[tuple[Message, list[int]]]", job: str) -> PacketLine:
    """Read one answer into the future."""

    def received(message: Message, fds: list[int]) -> None:
        if answer.done():
            packets.close_all(fds)
        else:
            answer.set_result((message, fds))

    def ended() -> None:
        if not answer.done():
            answer.set_exception(System(f"{job}: the helper ended without an answer"))

    return PacketLine(sock, received, ended)


def _spawn(argv: list[str], control: int, lock_fd: int | None) -> int:
    """Spawn with the control socket and the lock (or /dev/null in its place) as descriptors 3 and 4."""
    lock = os.open(os.devnull, os.O_RDWR) if lock_fd is None else os.dup(lock_fd)
    try:
        return spawn(argv, (control, lock))
    finally:
        os.close(lock)
