"""The keeper: one process per running container that owns its stdio, its execs' and its log, and outlives the daemon.

Forked from the zygote, it is one thread around one epoll loop and imports nothing later. It answers these orders
(JSON with `order` and `seq`; the answer has the same `seq`, and `error` with `text` when it failed):

    open          tty stdin parent              the container's fifos; answers their paths
    exec          exec_id tty stdin             an exec's fifos; answers their paths
    attach        exec_id … + client's socket   subscribes; answers n, since (ns): what was logged later is sent
    release       exec_id n head                ends the hold of an attachment
    closed-stdin  exec_id                       stdin's end has reached the process: the fifo is closed
    exec-end      exec_id drain                 the exec is gone: outputs read to the end, its clients ended
    end           drain                         the container is gone: the same, the log closed, the keeper ends

With `parent` the keeper makes the processes itself and there are no fifos: parent.py has the orders for that. It sends
these notices: `stdin-eof`, `streamed`, `gone`, `detached` (exec_id, n), `long` (n) and `log` (n, text).
`exec_id` is empty for the container's first process.
"""

import base64
import contextlib
import dataclasses
import functools
import json
import os
import signal
import socket
import time
import traceback
from typing import Final

from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound
from wherry.host import packets, proc
from wherry.host.forkserver import set_name
from wherry.host.packets import Message
from wherry.streams.client import Limits, Wish
from wherry.streams.control import SOCKET, Control, Reply, listen
from wherry.streams.drivers import DRIVERS
from wherry.streams.frames import STDERR, STDOUT
from wherry.streams.lines import Sink
from wherry.streams.logtarget import LogTarget
from wherry.streams.parent import Parent
from wherry.streams.process import Paths, ProcessStreams
from wherry.streams.reactor import Reactor
from wherry.streams.tally import Tally

PROTOCOL: Final = 1
FEATURES: Final = ("exec", "hold", "early", "parent")
IDENTITY: Final = "keeper.json"
"""File of a keeper's directory that names its process while it must live."""
FAILURE: Final = "keeper.failure"
"""File that a keeper which failed leaves behind."""
EARLY_LIMIT: Final = 16 * 1024 * 1024
NO_FIFOS: Final = Paths("", "", "")


def run(_args: Message, control: socket.socket, _fds: list[int]) -> None:
    """Wait for the first message, which says what to keep, then be the keeper until its container has ended.

    One that is forked ahead waits until a container needs it, or until its daemon ends.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    set_name("wherry-spare")
    got = packets.receive(control)
    if got is None:
        return
    order, fds = got
    packets.close_all(fds)
    set_name("wherry-keeper")
    _keep(order, control)


def _keep(order: Message, control: socket.socket) -> None:
    """Be the keeper of `order` (directory, log, limits)."""
    try:
        keeper = Keeper(order)
    except (EngineError, OSError) as error:
        with contextlib.suppress(OSError):
            packets.send(control, packets.failure(error, "start the keeper"))
        return
    try:
        keeper.serve(control)
    except BaseException:
        with open(os.path.join(order["directory"], FAILURE), "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        raise


class Keeper:
    """The keeper's orders."""

    def __init__(self, order: Message) -> None:
        """Open the log and listen; OSError, or the kind of a bad log configuration."""
        self._directory: str = order["directory"]
        self._limits = Limits(**order["limits"])
        self._reactor = Reactor()
        self._tally = Tally(self._reactor, self._tell)
        self._sink = self._open_log(order["log"])
        self._server = listen(self._directory)
        self._control = Control(self._reactor, self._server, self._greet, self._carry_out)
        self._numbers = 0
        self._processes = {"": self._make_process("", self._sink)}
        self._finished = False
        self._identity = proc.identity(os.getpid())
        self._write_identity()
        self._idle = self._reactor.after(self._limits.idle, self._reactor.stop)
        self._parent: Parent | None = None
        self._orders = {
            "open": self._open,
            "exec": self._exec,
            "attach": self._attach,
            "release": self._release,
            "closed-stdin": self._closed_stdin,
        }

    def serve(self, control: socket.socket) -> None:
        """Serve the daemon that ordered the fork, and later ones, until the end."""
        self._control.take(control)
        self._reactor.run()

    def _greet(self) -> Message:
        return {
            "protocol": PROTOCOL,
            "features": FEATURES,
            "pid": self._identity.pid,
            "start_time": self._identity.start_time,
            "stdin_eof": [exec_id for exec_id, process in self._processes.items() if process.stdin_at_end],
            "launched": {} if self._parent is None else self._parent.greeting(),
        }

    def _carry_out(self, message: Message, fds: list[int], reply: Reply) -> None:
        """Carry out one order; what it leaves of its descriptors is closed."""
        self._idle.cancel()
        name = message["order"]
        try:
            if name == "end":
                self._end(message, reply)
            elif name == "exec-end":
                self._end_exec(message, reply)
            elif name in self._orders:
                reply(self._orders[name](message, fds))
            elif self._parent is not None and self._parent.carry_out(message, fds, reply):
                return
            else:
                raise NotFound(f"this keeper speaks protocol {PROTOCOL}, which has no order {name!r}")
        finally:
            packets.close_all(fds)

    def _open(self, order: Message, _fds: list[int]) -> Message:
        if order.get("parent"):
            self._parent = Parent(self._reactor, self._directory, self._named, self._control.notify)
            self._processes[""].expect(order["tty"], order["stdin"])
            return _shown(NO_FIFOS)
        return _shown(self._processes[""].open(self._prefix(""), order["tty"], order["stdin"]))

    def _exec(self, order: Message, _fds: list[int]) -> Message:
        exec_id: str = order["exec_id"]
        if not exec_id.isalnum():
            raise InvalidParameter(f"malformed exec id {exec_id!r}")
        if exec_id in self._processes:
            raise Conflict(f"exec {exec_id} has its streams")
        process = self._make_process(exec_id, None)
        paths = NO_FIFOS
        if self._parent is not None:
            process.expect(order["tty"], order["stdin"])
        else:
            paths = process.open(self._prefix(exec_id), order["tty"], order["stdin"])
        self._processes[exec_id] = process
        return _shown(paths)

    def _attach(self, order: Message, fds: list[int]) -> Message:
        """Subscribe, then write the head: the client may take it as the promise that it misses nothing."""
        process = self._find(order)
        early = _read_early(fds.pop()) if order["early"] else b""
        sock = socket.socket(fileno=fds[0])
        fds.clear()
        self._numbers += 1
        client = process.attach(sock, _wish(order, self._numbers, early))
        if not order["hold"]:
            client.release(base64.b64decode(order["head"]))
        return {"n": self._numbers, "since": time.time_ns()}

    def _release(self, order: Message, _fds: list[int]) -> Message:
        client = self._find(order).find(order["n"])
        if client is not None:
            client.release(base64.b64decode(order["head"]))
        return {}

    def _closed_stdin(self, order: Message, _fds: list[int]) -> Message:
        process = self._processes.get(order["exec_id"])
        if process is not None:
            process.close_stdin()
        return {}

    def _end_exec(self, order: Message, reply: Reply) -> None:
        exec_id = order["exec_id"]
        process = self._processes.get(exec_id)
        if process is None:
            reply({})
        else:
            process.end(order["drain"], lambda: self._exec_drained(exec_id, reply))

    def _exec_drained(self, exec_id: str, reply: Reply) -> None:
        if self._parent is not None:
            self._parent.forget(exec_id)
        for name in ("stdin", "stdout", "stderr"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._prefix(exec_id) + name)
        reply({})
        self._let_go(exec_id)

    def _end(self, order: Message, reply: Reply) -> None:
        """End what is left of the execs, too; the daemon ends those it knows before."""
        left = {exec_id for exec_id, process in self._processes.items() if not process.ended}

        def drained(exec_id: str) -> None:
            left.discard(exec_id)
            if not left:
                self._finish(reply)

        for exec_id in tuple(left):
            self._processes[exec_id].end(order["drain"], functools.partial(drained, exec_id))

    def _finish(self, reply: Reply) -> None:
        """All is in the log. From here on this process only brings clients the rest, and nobody needs to end it."""
        self._sink.close()
        self._tally.flush()
        self._control.close_server()
        for name in (IDENTITY, SOCKET):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._directory}/{name}")
        reply({"ended": True})
        self._finished = True
        self._let_go("")

    def _let_go(self, exec_id: str) -> None:
        """Forget an exec that has no client left; stop when everything has ended and nobody is served."""
        process = self._processes.get(exec_id)
        if process is not None and exec_id and process.ended and process.idle:
            del self._processes[exec_id]
        if self._finished and all(process.idle for process in self._processes.values()):
            self._control.say_goodbye()
            self._reactor.stop()

    def _make_process(self, exec_id: str, sink: Sink | None) -> ProcessStreams:
        def notify(notice: str, number: int) -> None:
            process = self._processes[exec_id]
            if notice == "stdin-eof" and self._parent is not None:
                process.close_stdin()  # the reading end is the process's own
            elif notice != "gone" or not process.ended:
                self._control.notify({"notice": notice, "exec_id": exec_id, "n": number})
            elif process.idle:
                self._let_go(exec_id)

        return ProcessStreams(self._reactor, self._limits, sink, notify, self._tally.long)

    def _find(self, order: Message) -> ProcessStreams:
        return self._named(order["exec_id"])

    def _named(self, exec_id: str) -> ProcessStreams:
        process = self._processes.get(exec_id)
        if process is None or process.ended:
            raise Conflict(f"the streams of {exec_id or 'the container'} have ended")
        return process

    def _prefix(self, exec_id: str) -> str:
        return f"{self._directory}/{exec_id}-" if exec_id else f"{self._directory}/"

    def _open_log(self, log: Message) -> Sink:
        target = LogTarget(**log)
        return DRIVERS[target.driver].open(target, self._tally.dropped)

    def _tell(self, notice: str, number: int, text: str) -> None:
        self._control.notify({"notice": notice, "n": number, "text": text})

    def _write_identity(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._directory}/{FAILURE}")
        path = f"{self._directory}/{IDENTITY}"
        with open(f"{path}.new", "wb") as file:
            file.write(json.dumps(dataclasses.asdict(self._identity)).encode())
        os.rename(f"{path}.new", path)


def _shown(paths: Paths) -> Message:
    return {"stdin": paths.stdin, "stdout": paths.stdout, "stderr": paths.stderr}


def _wish(order: Message, number: int, early: bytes) -> Wish:
    streams = [stream for stream, name in ((STDOUT, "stdout"), (STDERR, "stderr")) if order[name]]
    return Wish(
        number=number,
        streams=frozenset(streams),
        stdin=order["stdin"],
        framed=order["framed"],
        stdin_once=order["stdin_once"],
        detach_keys=base64.b64decode(order["detach_keys"]),
        early=early,
    )


def _read_early(fd: int) -> bytes:
    """Return what the daemon read of the client before it handed it over: the content of a file in memory."""
    with open(fd, "rb") as file:
        file.seek(0)
        return file.read(EARLY_LIMIT)
