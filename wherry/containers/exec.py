"""Running one more process in a running container (api-containers.md 2.5, 3.15; start.md 5.10).

The keeper owns its streams. The instance shows its exit code before the client's connection ends, since clients
inspect right after.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import msgspec

from wherry.base.errors import Conflict, DeadlineExceeded, EngineError, InvalidParameter, NotFound
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor
from wherry.containers.confine import ensure_profile
from wherry.containers.execs import Execs, Instance
from wherry.containers.failure import RuntimeRefused, at_runtime
from wherry.containers.hub import Hub
from wherry.containers.layout import Layout
from wherry.containers.news import News
from wherry.containers.steps.rootfs import find_user
from wherry.host.sockets import write_all
from wherry.model.container import ExecRequest, ExecStart
from wherry.runtimes.tier import TierOf
from wherry.spec.process import build_exec_process
from wherry.state.machine import RESTARTING
from wherry.state.record import Phase, Record
from wherry.state.store import Store
from wherry.streams.detach import parse_keys
from wherry.streams.frames import frame
from wherry.streams.keepers import AttachOptions, Keeper, Stdio

log = logging.getLogger("wherry.exec")

WAIT_SECONDS = 3600.0
DRAIN_SECONDS = 2.0
WRITE_SECONDS = 10.0
STDOUT = 1
NOT_REACHED = 126
"""Exit code of an exec that failed before the runtime was asked."""
UNKNOWN_STATUS = 255


Client = tuple[int, bytes, bytes]
"""A socket, the input that was read of it so far, and the head to open the stream with."""


class Processes:
    """Starts exec processes and sees to their end."""

    def __init__(
        self,
        tier: TierOf,
        hub: Hub,
        news: News,
        supervisor: Supervisor,
        capabilities: Sequence[str],
        near: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        """Take the tier, the keepers, who is told, the owner of the watches, and what a privileged exec gets.

        Each launch is `near` the move of its process to a cgroup (host/moves.py).
        """
        self._near = near
        self._capabilities = capabilities
        self._tier = tier
        self._hub = hub
        self._news = news
        self._supervisor = supervisor

    async def start(self, i: Instance, terminal: bool, size: list[int] | None, client: Client | None) -> None:
        """Start an instance with a client's (fd, early, head) or without; raises the kind of its failure.

        The fd is the keeper's once it is handed over, and closed when it could not be.
        """
        keeper = self._hub.keeper(i.rec.id)
        i.running = True
        try:
            if keeper is None:
                raise Conflict(f"container {i.rec.id} is not running")
            with self._near():
                stdio = await keeper.open_exec(i.id, i.request.tty, client is not None and i.request.attach_stdin)
                if client is not None:
                    fd, early, head = client
                    client = None
                    await keeper.attach_exec(i.id, fd, head, self._wish(i, terminal, early))
                await self._launch(i, stdio, size)
        except BaseException as error:
            if client is not None:
                os.close(client[0])
            i.exit_code = error.code if isinstance(error, RuntimeRefused) else NOT_REACHED
            i.running = False
            i.up.set()
            i.over.set()
            if keeper is not None:
                await keeper.end_exec(i.id, 0)
            raise
        self._news.container(i.rec, f"exec_start: {i.command}", execID=i.id)
        self._supervisor.spawn(self._watch(i, keeper), f"exec {i.id}")

    async def resize(self, i: Instance, height: int, width: int) -> None:
        """Resize the terminal of a started instance."""
        await self._tier(i.rec.id).resize(i.rec.id, i.id, width, height)

    async def kill(self, i: Instance, number: int) -> None:
        """Signal a started instance; NotFound when its process is gone."""
        await self._tier(i.rec.id).kill(i.rec.id, number, i.id)

    async def close_stdin(self, i: Instance) -> None:
        """Let the process see the end of its stdin, once it is up."""
        await i.up.wait()
        await self._tier(i.rec.id).close_stdin(i.rec.id, i.id)

    @staticmethod
    def _wish(i: Instance, terminal: bool, early: bytes) -> AttachOptions:
        return AttachOptions(
            stdin=i.request.attach_stdin,
            stdout=i.request.attach_stdout,
            stderr=i.request.attach_stderr,
            framed=not terminal,
            detach_keys=parse_keys(i.request.detach_keys) if terminal else b"",
            stdin_once=True,
            early=early,
        )

    async def _launch(self, i: Instance, stdio: Stdio, size: list[int] | None) -> None:
        template = await self._tier(i.rec.id).process(i.rec.id)
        await ensure_profile(template)
        request = i.request if not size else msgspec.structs.replace(i.request, console_size=size)
        process = msgspec.json.encode(build_exec_process(template, request, i.user, self._capabilities))
        pipes = (stdio.stdin, stdio.stdout, stdio.stderr)
        try:
            await self._tier(i.rec.id).exec(i.rec.id, i.id, process, pipes, i.request.tty)
            i.pid = await self._tier(i.rec.id).start(i.rec.id, i.id)
            i.up.set()
        except EngineError as error:
            await self._forget(i)
            raise at_runtime(str(error)) from error

    async def _forget(self, i: Instance) -> None:
        """The shim keeps what it could not start; a probe may fail to start many times in one run."""
        try:
            await self._tier(i.rec.id).delete_process(i.rec.id, i.id)
        except EngineError as error:
            log.debug("exec %s stays with its container: %s", i.id, error)

    async def _watch(self, i: Instance, keeper: Keeper) -> None:
        with self._supervisor.idle():
            i.exit_code = await self._wait(i)
        i.running = False
        self._news.container(i.rec, "exec_die", execID=i.id, exitCode=str(i.exit_code))
        try:
            await keeper.end_exec(i.id, DRAIN_SECONDS)  # here its clients learn of the end: not before it can be seen
            await self._tier(i.rec.id).delete_process(i.rec.id, i.id)
        finally:
            i.over.set()

    async def _wait(self, i: Instance) -> int:
        while True:
            try:
                return (await self._tier(i.rec.id).wait(i.rec.id, i.id, WAIT_SECONDS)).status
            except DeadlineExceeded:
                continue
            except EngineError:
                return UNKNOWN_STATUS


class ExecSession:
    """A checked exec that waits for its socket, or runs without one."""

    def __init__(self, processes: Processes, instance: Instance, request: ExecStart) -> None:
        """Take the instance and the body of the start request."""
        self.tty = request.tty
        self._processes = processes
        self._instance = instance
        self._size = request.console_size

    async def run_detached(self) -> None:
        """Start it without streams; raises the kind of its failure."""
        await self._processes.start(self._instance, self.tty, self._size, None)

    async def hand_over(self, fd: int, early: bytes, head: bytes) -> None:
        """Start it on the client's socket; a failure is data on that socket, as Docker sends it."""
        reply = os.dup(fd)
        try:
            await self._processes.start(self._instance, self.tty, self._size, (fd, early, head))
        except EngineError as error:
            text = f"{error}\r\n".encode()
            await offload(write_all, reply, text if self.tty else frame(STDOUT, text), WRITE_SECONDS)
        finally:
            os.close(reply)


class Exec:
    """The verbs on exec instances."""

    def __init__(
        self,
        store: Store,
        execs: Execs,
        processes: Processes,
        layout: Layout,
        news: News,
        soon: Callable[[], None],
    ) -> None:
        """Take the records, the instances, who starts them, the paths, who is told, and what prepares for a start.

        The last is for the move of its process to a cgroup (host/moves.py).
        """
        self._soon = soon
        self._store = store
        self._execs = execs
        self._processes = processes
        self._layout = layout
        self._news = news

    async def create(self, ref: str, request: ExecRequest) -> str:
        """Check and keep an instance; returns its id."""
        if not request.cmd:
            raise InvalidParameter("No exec command specified")
        parse_keys(request.detach_keys, "escape")
        rec = self._running(ref)
        self._soon()
        return (await self.make(rec, request)).id

    async def make(self, rec: Record, request: ExecRequest) -> Instance:
        """Keep an instance for a container that runs; raises the kinds of a user that is not there."""
        user = request.user or rec.config.user
        ids = await offload(find_user, self._layout.rootfs(rec), user, rec.host_config.group_add)
        instance = Instance(rec, request, ids)
        self._execs.add(instance)
        self._news.container(rec, f"exec_create: {instance.command}", execID=instance.id)
        return instance

    def start(self, exec_id: str, request: ExecStart) -> ExecSession:
        """Check now, the container first as in Docker, and claim the instance; the session starts the process."""
        instance = self._execs.get(exec_id)
        self._running(instance.rec.id)
        if instance.exit_code is not None:
            raise Conflict(f"exec command {exec_id} has already run")
        if instance.started:
            raise Conflict(f"exec command {exec_id} is already running")
        instance.started = True
        return ExecSession(self._processes, instance, request)

    def inspect(self, exec_id: str) -> dict[str, object]:
        """Return ExecInspectResponse."""
        return self._execs.inspect(exec_id)

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        """Resize its terminal; InvalidParameter when it never came up."""
        instance = self._execs.get(exec_id)
        if not instance.running:
            raise InvalidParameter("exec process is not started")
        try:
            await self._processes.resize(instance, height, width)
        except NotFound as error:
            raise InvalidParameter("exec process is not started") from error

    def _running(self, ref: str) -> Record:
        rec = self._store.get(ref)
        if rec.phase is Phase.PAUSED:
            raise Conflict(f"Container {ref} is paused, unpause the container before exec")
        if rec.phase is Phase.RESTARTING:
            raise Conflict(RESTARTING.format(id=rec.id))
        if rec.phase is not Phase.RUNNING:
            raise Conflict(f"container {rec.id} is not running")
        return rec
