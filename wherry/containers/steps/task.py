"""Step task: the runtime has created the container; its first process waits before exec."""

from typing import Any

from wherry.base.errors import EngineError, InvalidParameter
from wherry.base.refs import is_digest, parse, with_default_tag
from wherry.containers.confine import ensure_profile
from wherry.containers.failure import at_runtime
from wherry.containers.restore import Restore
from wherry.runtimes.registry import Runtime
from wherry.runtimes.tier import TierOf
from wherry.state.record import Record
from wherry.state.store import Slot
from wherry.streams.keepers import Stdio


class Task:
    """After acquire: a containerd container and a created task, both named by the container id.

    The tar of a checkpoint to restore is in the content store while the task is created. Release kills whatever lives
    in the task, waits for its end, and deletes both by that id, and the tar.
    """

    name = "task"

    def __init__(self, tier: TierOf, restore: Restore) -> None:
        """Take the tier that runs tasks, and where checkpoints come from."""
        self._restore = restore
        self._tier = tier

    async def acquire(self, slot: Slot, spec: dict[str, Any], runtime: Runtime, stdio: Stdio) -> int:
        """Create container and task; returns the pid of its first process, 0 when that is restored from a checkpoint.

        System when the default AppArmor profile cannot be loaded.
        """
        rec = slot.rec
        await ensure_profile(spec["process"])
        checkpoint = await self._restore.offer(rec) if rec.checkpoint else None
        pipes = (stdio.stdin, stdio.stdout, stdio.stderr)
        stage = ""
        try:
            await self._tier(rec.id).register(rec.id, spec, runtime, image_name(rec))
            stage = "failed to create task for container: "
            pid = await self._tier(rec.id).create(rec.id, runtime, pipes, rec.config.tty, checkpoint)
        except EngineError as error:
            raise at_runtime(f"{stage}{error}") from error
        if checkpoint is not None:
            await self._restore.withdraw(rec)
        return pid

    async def release(self, rec: Record) -> None:
        """Kill, reap and delete; nothing there is fine."""
        await self._tier(rec.id).delete(rec.id)
        await self._restore.end(rec)


def image_name(rec: Record) -> str:
    """Return what containerd is told of the image: its canonical name, empty for an id and for what is no reference."""
    asked = rec.config.image
    if not asked or is_digest(asked) or rec.image_id.removeprefix("sha256:").startswith(asked):
        return ""
    try:
        return with_default_tag(parse(asked)).canonical
    except InvalidParameter:
        return ""


class Run:
    """Step run: after acquire the user's process lives. What ends it is the release of `task`."""

    name = "run"

    def __init__(self, tier: TierOf, restore: Restore) -> None:
        """Take the tier that runs tasks, and where checkpoints come from."""
        self._restore = restore
        self._tier = tier

    async def acquire(self, slot: Slot, pid: int) -> int:
        """Start the created task, or restore it; returns the pid of its first process, created as `pid` or only now."""
        try:
            if slot.rec.checkpoint:
                pid = await self._tier(slot.rec.id).restore(slot.rec.id)
            else:
                await self._tier(slot.rec.id).start(slot.rec.id)
        except EngineError as error:
            raise at_runtime(str(error)) from error
        await self._restore.end(slot.rec)
        return pid

    async def release(self, rec: Record) -> None:
        """Kill the process unless it has ended by itself; nothing there is fine."""
        if rec.settling is None:
            await self._tier(rec.id).kill_all(rec.id)
