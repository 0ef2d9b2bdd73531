"""The shim tier: containerd tasks with the shim that the runtime's name chooses.

Everything goes by the container id, so that a release needs nothing that was remembered. Deletes are idempotent.
"""

import contextlib
import signal
from functools import partial
from typing import Any

import msgspec

from wherry.base.errors import Conflict, DeadlineExceeded, EngineError, InvalidParameter, NotFound
from wherry.containerd.containers import Containers
from wherry.containerd.options import checkpoint_options
from wherry.containerd.tasks import CHECKPOINT_DEADLINE, Exit, Tasks, TaskState
from wherry.model.image import Descriptor
from wherry.runtimes.registry import Runtime
from wherry.runtimes.tier import Pipes

KILL_SECONDS = 10.0
"""How long a killed task may take to be reaped."""


class _Spec(msgspec.Struct):
    process: msgspec.Raw


class Shim:
    """Creates, starts, signals, waits for and deletes tasks."""

    def __init__(self, containers: Containers, tasks: Tasks, labels: dict[str, str]) -> None:
        """Take the services, and the labels that mark our containers for the sweep at boot."""
        self._containers = containers
        self._tasks = tasks
        self._labels = labels
        self._encode = msgspec.json.Encoder().encode
        self._processes: dict[str, bytes] = {}
        """JSON by container: what execs are made from. After a restart of the daemon containerd is asked once."""

    async def register(self, ident: str, spec: dict[str, Any], runtime: Runtime, image: str) -> None:
        """Create the container; a stale one of the same id is deleted with its task, once. Conflict the second time."""
        text = self._encode(spec)
        create = partial(self._containers.create, ident, text, runtime.shim, runtime.options, self._labels, image=image)
        try:
            await create()
        except Conflict:
            await self.delete(ident)
            await create()
        self._processes[ident] = self._encode(spec["process"])

    async def create(
        self, ident: str, runtime: Runtime, pipes: Pipes, terminal: bool, checkpoint: Descriptor | None = None
    ) -> int:
        """Create the task of a registered container.

        Returns the pid; with a checkpoint there is no process before `restore`, and it is 0.
        """
        return await self._tasks.create(ident, *pipes, terminal, runtime.task_options, checkpoint)

    async def start(self, ident: str, exec_id: str = "") -> int:
        """Release a created process to exec; returns its pid."""
        return await self._tasks.start(ident, exec_id)

    async def restore(self, ident: str) -> int:
        """Make the processes of a task that was created from a checkpoint; returns the first one's pid."""
        return await self._tasks.start(ident, deadline=CHECKPOINT_DEADLINE)

    async def exec(self, ident: str, exec_id: str, process: bytes, pipes: Pipes, terminal: bool) -> None:
        """Add a process (JSON of the OCI spec) to a running task."""
        await self._tasks.exec(ident, exec_id, process, *pipes, terminal)

    async def process(self, ident: str) -> dict[str, Any]:
        """Return the OCI process that the container was created with."""
        if ident not in self._processes:
            record = await self._containers.get(ident)
            self._processes[ident] = bytes(msgspec.json.decode(record.spec, type=_Spec).process)
        return msgspec.json.decode(self._processes[ident], type=dict[str, Any])

    async def resize(self, ident: str, exec_id: str, width: int, height: int) -> None:
        """Resize a process's terminal, in characters."""
        await self._tasks.resize(ident, exec_id, width, height)

    async def close_stdin(self, ident: str, exec_id: str) -> None:
        """Let the process see the end of its stdin; gone is fine."""
        with contextlib.suppress(NotFound):
            await self._tasks.close_stdin(ident, exec_id)

    async def delete_process(self, ident: str, exec_id: str) -> None:
        """Forget an exec that has ended; gone is fine."""
        with contextlib.suppress(NotFound):
            await self._tasks.delete_process(ident, exec_id)

    async def kill(self, ident: str, number: int, exec_id: str = "") -> None:
        """Signal a process; NotFound when it is gone."""
        await self._tasks.kill(ident, number, exec_id)

    async def kill_all(self, ident: str) -> None:
        """SIGKILL everything in the container; gone or never started is fine."""
        try:
            await self._tasks.kill(ident, signal.SIGKILL, everyone=True)
        except (NotFound, Conflict, InvalidParameter):
            return  # stopped or gone: containerd says not found or failed precondition

    async def update(self, ident: str, resources: bytes) -> None:
        """Change the limits (JSON of the OCI resources)."""
        await self._tasks.update(ident, resources)

    async def pids(self, ident: str) -> list[int]:
        """Return the pids of all processes, as this host counts them."""
        return await self._tasks.pids(ident)

    async def pause(self, ident: str) -> None:
        """Freeze everything in the container."""
        await self._tasks.pause(ident)

    async def resume(self, ident: str) -> None:
        """Let it run on."""
        await self._tasks.resume(ident)

    async def checkpoint(self, ident: str, exit: bool, work: str, lease: str) -> list[Descriptor]:
        """Write the state of a running container into the content store; see `Tasks.checkpoint`.

        The options come with every call: `exit` needs nothing that the engine would have to remember of the task.
        CRIU leaves its log as `dump.log` in the directory `work`.
        """
        return await self._tasks.checkpoint(ident, checkpoint_options(exit, work), lease)

    async def wait(self, ident: str, exec_id: str, seconds: float) -> Exit:
        """Wait for a process; DeadlineExceeded after `seconds`, NotFound when there is none."""
        return await self._tasks.wait(ident, exec_id, seconds)

    async def state(self, ident: str) -> TaskState | None:
        """Return what containerd knows of the task, None for nothing."""
        try:
            return await self._tasks.get(ident)
        except NotFound:
            return None

    async def states(self) -> dict[str, TaskState]:
        """Return what containerd knows of all tasks at once; one whose shim does not answer is left out."""
        return {found.id: found for found in await self._tasks.list()}

    async def delete(self, ident: str) -> None:
        """Kill, reap and delete task and container; nothing there is fine. DeadlineExceeded if it cannot be killed."""
        self._processes.pop(ident, None)
        try:
            await self._tasks.delete(ident)
        except NotFound:
            pass
        except EngineError:
            await self._end(ident)
        await self._containers.delete(ident)

    async def _end(self, ident: str) -> None:
        await self.kill_all(ident)
        try:
            await self._tasks.wait(ident, "", KILL_SECONDS)
            await self._tasks.delete(ident)
        except NotFound:
            return
        except DeadlineExceeded as error:
            raise DeadlineExceeded(
                f"container {ident} does not end {KILL_SECONDS:.0f} s after SIGKILL: a process in uninterruptible "
                "sleep holds it; see ps for state D"
            ) from error
