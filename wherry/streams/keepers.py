"""The daemon's side of the keepers: fork one, find one again after a restart, order it, end it.

The directory `<exec-root>/c/<id>/<generation>/` is where both sides meet: fifos, the control socket, the identity of
the keeper's process while it must live.
"""

import asyncio
import base64
import contextlib
import dataclasses
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wherry.base.errors import DeadlineExceeded, System, Unavailable, Unimplemented
from wherry.base.offload import offload
from wherry.host import packets
from wherry.host.errors import translate
from wherry.host.packet_line import PacketLine
from wherry.host.packets import Message
from wherry.host.zygote import Zygote
from wherry.streams import keeper_dirs
from wherry.streams.client import Limits
from wherry.streams.ends import End, Ends
from wherry.streams.keeper import FAILURE, PROTOCOL
from wherry.streams.logtarget import LogTarget

__all__ = ("AttachOptions", "Attachment", "Heed", "Keeper", "Keepers", "LogTarget", "Notice", "Stdio")

DEADLINE: Final = 10.0
"""Seconds for an answer that needs no waiting."""
LOST: Final = "lost"
PATIENCE: Final = Limits()


@dataclass(frozen=True, slots=True)
class Stdio:
    """Absolute paths of a process's fifos, empty for a stream that it does not have."""

    stdin: str
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """What an attachment wants."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    framed: bool = False
    """Multiplexed: no terminal."""
    stdin_once: bool = False
    """The end of the client's input ends the process's stdin (StdinOnce, exec); without effect on a terminal."""
    detach_keys: bytes = b""
    """See detach.parse_keys; empty without a terminal."""
    early: bytes = b""
    """What was read of the client's input before."""
    hold: bool = False
    """Subscribe only: nothing is written to or read from the client until `Keeper.release`."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A subscribed client: its number, and the time (ns) after which all output is sent to it."""

    number: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What a keeper tells.

    `stdin-eof`: a client's input has ended and is delivered: CloseIO, then `stdin_closed`; `detached`: keys were typed;
    `gone`: the client `number` left; `streamed`: all output of the process is read; `log`: `number` records were
    dropped, `text` says why from time to time; `long`: so many entries were cut; `oom`: the kernel has killed a process
    for want of memory (direct tier); `lost`: the keeper's process has
    died.
    """

    kind: str
    exec_id: str = ""
    number: int = 0
    text: str = ""


Heed = Callable[["Keeper", Notice], None]
"""Called in the event loop; must not block."""


class Keeper:
    """One keeper that is alive, as the daemon sees it."""

    def __init__(self, ident: str, generation: int, directory: str, sock: socket.socket, heed: Heed) -> None:
        """Own the connection; made by Keepers."""
        self.id = ident
        self.generation = generation
        self.pid = 0
        self.directory = directory
        self._heed = heed
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._seq = 0
        self._ended = False
        self._died = False
        self._joined = False
        self._loop = asyncio.get_running_loop()
        self._greeting: asyncio.Future[Message] = self._loop.create_future()
        self.ends = Ends(ident)
        self._line = PacketLine(sock, self._received, self._lost)

    async def open(self, tty: bool, stdin: bool, parent: bool = False) -> Stdio:
        """Make the container's fifos, or take them over from a dead keeper; once per keeper.

        With `parent` the keeper will make the container's processes (`ask`, see parent.py): there are no fifos.
        """
        return _stdio(await self.ask("open", tty=tty, stdin=stdin, parent=parent))

    async def attach(self, fd: int, head: bytes, options: AttachOptions) -> Attachment:
        """Subscribe a client's socket, then write `head` to it.

        The descriptor is the keeper's from the call on, also when it fails.
        """
        return await self.attach_exec("", fd, head, options)

    async def attach_exec(self, exec_id: str, fd: int, head: bytes, options: AttachOptions) -> Attachment:
        """The same for an exec whose fifos are open."""
        fds = [fd]
        wish = dataclasses.asdict(options)
        try:
            if options.early:
                fds.append(_file_of(options.early))
            wish |= {"early": bool(options.early), "detach_keys": _text(options.detach_keys)}
            answer = await self.ask("attach", fds, exec_id=exec_id, head=_text(head), **wish)
        finally:
            packets.close_all(fds)
        return Attachment(answer["n"], answer["since"])

    async def release(self, attachment: Attachment, head: bytes = b"", exec_id: str = "") -> None:
        """End the hold of an attachment: the head is written, then what was held back."""
        await self.ask("release", exec_id=exec_id, n=attachment.number, head=_text(head))

    async def open_exec(self, exec_id: str, tty: bool, stdin: bool) -> Stdio:
        """Make the fifos of an exec."""
        return _stdio(await self.ask("exec", exec_id=exec_id, tty=tty, stdin=stdin))

    async def stdin_closed(self, exec_id: str = "") -> None:
        """Say that CloseIO was done, in answer to `stdin-eof`."""
        await self.ask("closed-stdin", exec_id=exec_id)

    async def end_exec(self, exec_id: str, drain: float) -> None:
        """The exec is gone: read its outputs to the end, at most `drain` seconds, then let its clients go.

        A keeper that has ended or died has nothing left to end.
        """
        self.ends.forget(exec_id)
        with contextlib.suppress(Unavailable):
            await self.ask("exec-end", exec_id=exec_id, drain=drain, deadline=drain + DEADLINE)

    async def end(self, drain: float) -> None:
        """The container is gone: read what is left, at most `drain` seconds, write the log, let clients and keeper go.

        When it returns the log is complete. Execs that were not ended are ended with it. A keeper that has ended or
        died (`lost` tells) has nothing left to end.
        """
        with contextlib.suppress(Unavailable):
            await self.ask("end", drain=drain, deadline=drain + DEADLINE)

    @property
    def connected(self) -> bool:
        """Whether it has greeted and has neither ended nor died since."""
        return self._joined and not self._ended

    def close(self) -> None:
        """Drop the connection; the keeper goes on (`Keepers.adopt` finds it again)."""
        self._joined = False
        self._line.close()
        self._fail_waiting()

    async def join(self) -> None:
        """Read the greeting, and take over what it says; raises the kind of the keeper's failure otherwise."""
        try:
            async with asyncio.timeout(DEADLINE):
                greeting = packets.checked(await self._greeting)
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(f"keeper of {self.id}: no greeting within {DEADLINE:g} s") from error
            raise
        if greeting["protocol"] != PROTOCOL:
            self.close()
            raise Unimplemented(
                f"keeper of {self.id} speaks protocol {greeting['protocol']}, this engine speaks {PROTOCOL}: "
                "restart the container"
            )
        self.pid = greeting["pid"]
        self._joined = not self._died  # what came behind the greeting may be its end
        for exec_id, (pid, status, at) in greeting.get("launched", {}).items():
            if status >= 0:
                self.ends.told(exec_id, End(status, at))
            self.ends.launched(exec_id, pid)
        for exec_id in greeting["stdin_eof"]:
            self._heed(self, Notice("stdin-eof", exec_id))

    async def ask(self, order: str, fds: Sequence[int] = (), *, deadline: float = DEADLINE, **rest: Any) -> Message:
        """Give an order and return its answer; raises the kind of its failure, DeadlineExceeded, Unavailable."""
        self._seq += 1
        seq = self._seq
        answer = self._answers[seq] = self._loop.create_future()
        try:
            async with asyncio.timeout(deadline):
                await self._line.send({"order": order, "seq": seq, **rest}, fds, deadline=deadline)
                return packets.checked(await answer)
        except TimeoutError as error:
            raise DeadlineExceeded(f"keeper of {self.id}: no answer to {order} within {deadline:g} s") from error
        finally:
            del self._answers[seq]

    def _received(self, message: Message, fds: list[int]) -> None:
        packets.close_all(fds)
        if not self._greeting.done():
            self._greeting.set_result(message)
        elif message.get("notice") == "exit":
            self.ends.told(message["exec_id"], End(message["status"], message["at"]))
        elif "notice" in message:
            notice = Notice(message["notice"], message.get("exec_id", ""), message.get("n", 0), message.get("text", ""))
            self._heed(self, notice)
        else:
            self._ended = self._ended or "ended" in message
            answer = self._answers.get(message["seq"])
            if answer is not None and not answer.done():
                answer.set_result(message)

    def _lost(self) -> None:
        """The connection has ended: by `end`, or because the keeper's process died."""
        self._died = True
        self._joined = False
        self._fail_waiting()
        if not self._greeting.done():
            self._greeting.set_exception(System(f"keeper of {self.id} ended before its greeting{self._reason()}"))
        elif not self._ended:
            self._heed(self, Notice(LOST, text=f"keeper of {self.id} has died{self._reason()}"))

    def _reason(self) -> str:
        try:
            with open(os.path.join(self.directory, FAILURE), encoding="utf-8", errors="replace") as file:
                return f": {file.read().strip().rpartition(chr(10))[2]}"
        except OSError:
            return ""

    def _fail_waiting(self) -> None:
        self.ends.lost()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Unavailable(f"keeper of {self.id} has ended"))


class Keepers:
    """All keepers of this engine."""

    def __init__(self, zygote: Zygote, exec_root: str, heed: Heed, limits: Limits = PATIENCE) -> None:
        """Fork from this zygote, keep directories below `<exec_root>/c`, tell notices to `heed`."""
        self._zygote = zygote
        self._root = os.path.join(exec_root, "c")
        self._heed = heed
        self._limits = dataclasses.asdict(limits)
        self._joined: dict[str, Keeper] = {}
        self._latest: dict[str, Keeper] = {}
        self._spare: socket.socket | None = None

    async def prepare(self) -> None:
        """Fork a keeper ahead for the next run, unless one waits; one call at a time."""
        if self._spare is None:
            self._spare = await self._zygote.launch("keeper", {}, deadline=DEADLINE)

    async def fork(self, ident: str, generation: int, log: LogTarget) -> Keeper:
        """Start the keeper of a run; in the place of a dead one, too. InvalidParameter or System name what failed."""
        directory = self.directory(ident, generation)
        with translate("make the directory of a keeper"):
            os.makedirs(directory, mode=0o700, exist_ok=True)
        order = {"directory": directory, "log": dataclasses.asdict(log), "limits": self._limits}
        return await self._join(ident, generation, await self._employ(order))

    async def adopt(self, ident: str, generation: int) -> Keeper | None:
        """Connect to a keeper that another daemon forked, unless that is done; None when there is none.

        A keeper serves its latest connection: a second one of ours would make the first look like its death.
        Unimplemented when it speaks a protocol that this engine does not know.
        """
        joined = self._joined.get(self.directory(ident, generation))
        if joined is not None and joined.connected:
            return joined
        sock = await offload(keeper_dirs.connect, self.directory(ident, generation))
        return None if sock is None else await self._join(ident, generation, sock)

    def of(self, ident: str) -> Keeper | None:
        """Return the keeper of a container's latest run that this daemon has spoken to, alive or not."""
        return self._latest.get(ident)

    def runs(self, ident: str) -> list[str]:
        """Return the directories of a container's runs, the latest last; blocking."""
        return [self.directory(ident, generation) for generation in keeper_dirs.generations(self._root, ident)]

    def found(self) -> list[tuple[str, int]]:
        """Return id and generation of every keeper's directory, its process alive or not; blocking."""
        return keeper_dirs.found(self._root)

    async def release(self, ident: str, generation: int) -> None:
        """Kill the keeper of a run unless it has ended, and remove its directory; idempotent."""
        directory = self.directory(ident, generation)
        joined = self._joined.pop(directory, None)
        if joined is not None:
            joined.close()
            if self._latest.get(ident) is joined:
                del self._latest[ident]
        with translate("remove the directory of a keeper"):
            await offload(keeper_dirs.remove, directory)

    def directory(self, ident: str, generation: int) -> str:
        """Return where the keeper of a run has its files."""
        return os.path.join(self._root, ident, str(generation))

    async def _employ(self, order: Message) -> socket.socket:
        """Give the order to the one forked ahead, if it lives, else to a new one."""
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(OSError):
                return _ordered(spare, order)
        sock = await self._zygote.launch("keeper", {}, deadline=DEADLINE)
        with translate("tell a keeper what to keep"):
            return _ordered(sock, order)

    async def _join(self, ident: str, generation: int, sock: socket.socket) -> Keeper:
        directory = self.directory(ident, generation)
        keeper = self._joined[directory] = self._latest[ident] = Keeper(ident, generation, directory, sock, self._heed)
        await keeper.join()
        return keeper


def _ordered(sock: socket.socket, order: Message) -> socket.socket:
    """Send a keeper its first message; the socket is closed if that fails."""
    try:
        packets.send(sock, order)
    except BaseException:
        sock.close()
        raise
    return sock


def _file_of(data: bytes) -> int:
    """Return a file in memory that holds the bytes."""
    fd = os.memfd_create("early", os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    return fd


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _stdio(answer: Message) -> Stdio:
    return Stdio(answer["stdin"], answer["stdout"], answer["stderr"])
