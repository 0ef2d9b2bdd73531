"""The keeper as its container's parent: it runs the commands of an OCI runtime and keeps how processes ended.

These are the orders of the direct tier (runtimes/direct.py writes the command lines):

    launch    exec_id argv environ log pid_file console   a command that leaves a process; answers its pid
              memory                                      of the container's own: its memory cgroup, empty for none
              waits                                       whether the process is left waiting for its start
    run       argv environ log                            any other command
    signal    exec_id number                              signals a process that was launched
    resize    exec_id width height                        the size of its terminal
    quiet                                                 kills commands under way, answers when none is left

A command that fails is answered with its `status` and what it wrote into its `log`, of `run` also what it wrote to its
standard error, `talk`. The notice `exit` (exec_id, status, at) comes after the end of the container's own process is
in the file `exit.json`, or `unstored` (text) has said why it cannot be there; `oom` after the kernel has killed a
process of the container for want of memory.
"""

import contextlib
import functools
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wherry.base.errors import Conflict, EngineError, NotFound, System
from wherry.host import packets
from wherry.host.packets import Message, close_all
from wherry.streams.children import Children
from wherry.streams.control import Reply
from wherry.streams.memory import MemoryWatch
from wherry.streams.process import ProcessStreams
from wherry.streams.reactor import Reactor

EXIT: Final = "exit.json"
"""File of a keeper's directory: how the container's own process ended, `status` and `at` (ns since the epoch)."""
LOG_TAIL: Final = 16 * 1024
"""Bytes of a command's log that are read: its last message says why it failed."""


@dataclass(slots=True)
class Launched:
    """A process that a command has left; `status` and `at` (ns) once it has ended."""

    pid: int
    status: int = -1
    at: int = 0


class Parent:
    """Makes, signals and reaps the processes of one container."""

    def __init__(
        self,
        reactor: Reactor,
        directory: str,
        find: Callable[[str], ProcessStreams],
        notify: Callable[[Message], None],
    ) -> None:
        """Become their parent. `find` returns the streams of an exec id, `notify` tells the daemon."""
        self._directory = directory
        self._find = find
        self._notify = notify
        self._children = Children(reactor)
        self._under_way = 0
        self._quiet: Callable[[], None] | None = None
        self._reactor = reactor
        self._memory: MemoryWatch | None = None
        self._launched: dict[str, Launched] = {}

    def greeting(self) -> Message:
        """Return what a daemon must know: pid, status and end of each process that was launched."""
        return {exec_id: [child.pid, child.status, child.at] for exec_id, child in self._launched.items()}

    def carry_out(self, order: Message, fds: list[int], reply: Reply) -> bool:
        """Carry out an order of the direct tier, answered now or later; False for one that is none.

        The descriptor that comes with a command is a copy of its program.
        """
        program = fds[0] if fds else -1
        match order["order"]:
            case "launch":
                self.launch(order, program, reply)
            case "run":
                self.run(order, program, reply)
            case "signal":
                reply(self.signal(order))
            case "resize":
                reply(self.resize(order))
            case "quiet":
                self.quiet(reply)
            case _:
                return False
        return True

    def forget(self, exec_id: str) -> None:
        """Drop what is known of an exec that has ended."""
        self._launched.pop(exec_id, None)

    def launch(self, order: Message, program: int, reply: Reply) -> None:
        """Run a command that makes a process with streams of its own; answers later."""
        exec_id: str = order["exec_id"]
        if exec_id in self._launched:
            raise Conflict(f"the process {exec_id or 'of the container'} was launched before")
        streams = self._find(exec_id)
        console = self._listen(order["console"]) if order["console"] else None
        ends = streams.make_ends()
        try:
            self._begin(order, program, ends, reply, functools.partial(self._take, order, streams, console))
        except BaseException:
            streams.give_up()
            self._close_console(order, console)
            raise
        finally:
            close_all([fd for fd in ends if fd >= 0])

    def run(self, order: Message, program: int, reply: Reply) -> None:
        """Run a command; answers later."""
        talk = os.memfd_create("talk", os.MFD_CLOEXEC)
        try:
            self._begin(order, program, [-1, -1, talk], functools.partial(_answer, talk, reply), dict)
        except BaseException:
            os.close(talk)
            raise

    def signal(self, order: Message) -> Message:
        """Signal a process; NotFound when it has ended."""
        child = self._launched.get(order["exec_id"])
        if child is None or child.status >= 0:
            raise NotFound("process already finished")
        os.kill(child.pid, order["number"])  # not reaped yet: the number is its own
        return {}

    def resize(self, order: Message) -> Message:
        """Set the size of a process's terminal."""
        self._find(order["exec_id"]).resize(order["width"], order["height"])
        return {}

    def quiet(self, reply: Reply) -> None:
        """Kill the commands under way and answer once they are gone: none comes after an undo."""
        self._quiet = lambda: reply({})
        self._children.kill_commands()
        self._check_quiet()

    def _begin(self, order: Message, program: int, stdio: list[int], reply: Reply, take: Callable[[], Message]) -> None:
        if self._quiet is not None:
            raise Conflict("the container is being deleted")
        over = functools.partial(self._over, order, reply, take)
        self._children.spawn(order["argv"], order["environ"], self._directory, stdio, over, program)
        self._under_way += 1

    def _over(self, order: Message, reply: Reply, take: Callable[[], Message], status: int) -> None:
        """A command has ended: answer with what it made, or with what it said."""
        self._under_way -= 1
        try:
            said = _read_log(order["log"])
            made = take()
            reply({"status": status, "log": said} if status else made)
        except (EngineError, OSError, ValueError) as error:
            failure = error if isinstance(error, EngineError | OSError) else System(f"the runtime's pid file: {error}")
            reply(packets.failure(failure, "take over what the runtime has made"))
        self._check_quiet()

    def _check_quiet(self) -> None:
        if self._quiet is not None and not self._under_way:
            tell, self._quiet = self._quiet, None
            tell()

    def _take(self, order: Message, streams: ProcessStreams, console: socket.socket | None) -> Message:
        """Take over the process that a command has left, and the terminal that it has sent; empty when it left none."""
        try:
            pid = _read_pid(order["pid_file"])
            if not pid:
                streams.give_up()
                return {}
            child = self._launched[order["exec_id"]] = Launched(pid)
            self._children.adopt(pid, functools.partial(self._ended, order["exec_id"]))
            if order["memory"]:
                self._memory = MemoryWatch(self._reactor, order["memory"], lambda: self._notify({"notice": "oom"}))
            master = -1 if console is None else _receive_terminal(console)
            streams.begin(master, waits=order.get("waits", False))
            return {"pid": child.pid}
        finally:
            self._close_console(order, console)

    def _ended(self, exec_id: str, status: int) -> None:
        child = self._launched.get(exec_id)
        if child is None:
            return
        child.status, child.at = status, time.time_ns()
        if not exec_id:
            if self._memory is not None:
                self._memory.check()
                self._memory.close()
            try:
                self._store({"status": child.status, "at": child.at})
            except OSError as error:  # this process has it until the daemon has stored it, and its death alone loses it
                self._notify({"notice": "unstored", "text": f"write {EXIT}: {error}"})
        self._notify({"notice": "exit", "exec_id": exec_id, "status": child.status, "at": child.at})

    def _store(self, end: Message) -> None:
        """Put the end on disk before anybody is told."""
        path = f"{self._directory}/{EXIT}"
        with open(f"{path}.new", "wb") as file:
            file.write(json.dumps(end).encode())
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{path}.new", path)

    def _listen(self, name: str) -> socket.socket:
        """Listen by a relative name, which is also how the command finds it: a unix address has 108 bytes at most."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        os.chdir(self._directory)
        try:
            server.bind(name)
            server.listen()
        except BaseException:
            server.close()
            raise
        finally:
            os.chdir("/")
        return server

    def _close_console(self, order: Message, console: socket.socket | None) -> None:
        if console is not None:
            console.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._directory}/{order['console']}")


def _answer(talk: int, reply: Reply, answer: Message) -> None:
    """Answer, and close what the command had for its standard error; of a failure its end goes along."""
    with open(talk, "rb") as file:
        file.seek(max(0, os.fstat(talk).st_size - LOG_TAIL))
        reply({**answer, "talk": file.read().decode(errors="replace")} if answer.get("status") else answer)


def _read_log(path: str) -> str:
    """Return the end of a command's log, which is removed; empty when it did not come so far as to open it."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_TAIL))
            said = file.read().decode(errors="replace")
        os.unlink(path)
    except FileNotFoundError:
        return ""
    return said


def _read_pid(path: str) -> int:
    """Return the pid in a file, which is removed; 0 when there is no file."""
    try:
        with open(path, "rb") as file:
            pid = int(file.read())
        os.unlink(path)
    except FileNotFoundError:
        return 0
    return pid


def _receive_terminal(console: socket.socket) -> int:
    """Return the master that the command has sent before it ended; System when there is none."""
    try:
        line, _ = console.accept()
        with line:
            line.setblocking(False)
            _, fds, _, _ = socket.recv_fds(line, 4096, 1)
    except BlockingIOError:
        fds = []
    if not fds:
        raise System("the runtime has sent no terminal")
    return fds[0]
