"""Step task: the runtime has created the container; its first process waits before exec."""

import msgspec

from wherry.base.errors import EngineError
from wherry.containers.failure import at_runtime
from wherry.runtimes.registry import Runtimes
from wherry.runtimes.shim import Shim
from wherry.state.record import Record
from wherry.state.store import Slot
from wherry.streams.keepers import Stdio


class Task:
    """After acquire: a containerd container and a created task, both named by the container id.

    Release kills whatever lives in it, waits for its end, and deletes both by that id.
    """

    name = "task"

    def __init__(self, shim: Shim, runtimes: Runtimes) -> None:
        """Take the tier that runs tasks and the names of runtimes."""
        self._shim = shim
        self._runtimes = runtimes
        self._encode = msgspec.json.Encoder().encode

    async def acquire(self, slot: Slot, spec: dict[str, object], stdio: Stdio) -> int:
        """Create the task; returns the pid of its first process."""
        rec = slot.rec
        runtime = self._runtimes.choose(rec.host_config.runtime)
        try:
            return await self._shim.create(
                rec.id,
                self._encode(spec),
                runtime,
                (stdio.stdin, stdio.stdout, stdio.stderr),
                rec.config.tty,
            )
        except EngineError as error:
            raise at_runtime(f"failed to create task for container: {error}") from error

    async def release(self, rec: Record) -> None:
        """Kill, reap and delete; nothing there is fine."""
        await self._shim.delete(rec.id)


class Run:
    """Step run: after acquire the user's process lives. What ends it is the release of `task`."""

    name = "run"

    def __init__(self, shim: Shim) -> None:
        """Take the tier that runs tasks."""
        self._shim = shim

    async def acquire(self, slot: Slot, pid: int) -> int:
        """Start the created task; returns the pid it was created with."""
        try:
            await self._shim.start(slot.rec.id)
        except EngineError as error:
            raise at_runtime(str(error)) from error
        return pid

    async def release(self, rec: Record) -> None:
        """Kill the process, so that what reads its streams sees their end; nothing there is fine."""
        await self._shim.kill_all(rec.id)
