"""The verbs on checkpoints: a container's processes written to disk by CRIU, listed, removed (start.md 10).

containerd has the runtime write the state and puts it into the content store; from there it is unpacked. A lease holds
it meanwhile. The container's lock is not held while CRIU works, so that a kill gets through.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import IO, Any

from wherry.base.errors import Conflict, EngineError, System
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor
from wherry.containerd.leases import Leases
from wherry.containerd.tasks import CHECKPOINT_MEDIA_TYPE
from wherry.containers import checkpoints
from wherry.containers.layout import Layout
from wherry.containers.monitors import Monitors
from wherry.containers.news import News
from wherry.containers.unpacked import Unpacked
from wherry.host import files, treetar
from wherry.host.errors import translate
from wherry.model.checkpoint import CreateOptions
from wherry.model.image import Descriptor
from wherry.runtimes.criu import CriuTars
from wherry.runtimes.tier import TierOf
from wherry.state.record import Record
from wherry.state.store import Store

Json = dict[str, Any]
LOG_LIMIT = 256 << 10
"""Bytes read of CRIU's log, from its end."""
ERRORS_SHOWN = 3
LOG = "dump.log"
_CRIU_ERROR = re.compile(r"Error \([^)]*\): *(.*)")


class Checkpoints:
    """CheckpointVerbs of the API."""

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        tier: TierOf,
        tars: CriuTars,
        leases: Leases,
        layout: Layout,
        unpacked: Unpacked,
        monitors: Monitors,
        news: News,
        mark: dict[str, str],
    ) -> None:
        """Take the records, the owner of flows, the tier, tars, leases, paths, who is told, our label."""
        self._unpacked = unpacked
        self._store = store
        self._supervisor = supervisor
        self._tier = tier
        self._tars = tars
        self._leases = leases
        self._layout = layout
        self._monitors = monitors
        self._news = news
        self._mark = mark
        self._busy: set[str] = set()

    async def create(self, ref: str, asked: CreateOptions) -> None:
        """Write a checkpoint though the client may leave; a container that fails at it runs on. Docker's words."""
        await self._supervisor.run(self._create(ref, asked), f"checkpoint {ref}")

    async def _create(self, ref: str, asked: CreateOptions) -> None:
        rec = self._store.get(ref)
        if not rec.alive:
            raise Conflict(f"container {rec.id} is not running")
        checkpoints.check_id(asked.id)
        checkpoints.check_directory(asked.directory)
        with self._one_at_a_time(rec.id):
            try:
                await offload(checkpoints.vacant, self._directory(rec, asked.directory), asked.id, ref)
            except System as error:
                raise System(f"cannot checkpoint container {ref}: {error}") from error
            try:
                async with self._leases.held(f"{rec.id}-checkpoint", self._mark) as lease:
                    await self._keep(rec, asked, ref, await self._dump(rec, asked.exit, lease))
            except EngineError as error:
                raise System(f"Cannot checkpoint container {ref}: {error}") from error
        self._news.container(rec, "checkpoint")

    async def list(self, ref: str, directory: str) -> "list[Json]":
        """Return the names; NotFound for a directory that is not there."""
        rec = self._store.get(ref)
        checkpoints.check_directory(directory)
        found = await offload(checkpoints.names, self._directory(rec, directory), ref, bool(directory))
        return [{"Name": name} for name in found]

    async def remove(self, ref: str, ident: str, directory: str) -> None:
        """Remove one; System in Docker's words when there is none of that name."""
        rec = self._store.get(ref)
        checkpoints.check_id(ident)
        checkpoints.check_directory(directory)
        async with self._store.exclusive(rec.id):
            path = await offload(checkpoints.present, self._directory(rec, directory), ident, ref)
            await offload(checkpoints.remove, path)

    def _directory(self, rec: Record, given: str) -> str:
        return given or self._layout.checkpoints(rec.id)

    @contextlib.contextmanager
    def _one_at_a_time(self, ident: str) -> Iterator[None]:
        if ident in self._busy:
            raise Conflict(f"a checkpoint of container {ident} is being made already")
        self._busy.add(ident)
        try:
            yield
        finally:
            self._busy.discard(ident)

    async def _dump(self, rec: Record, exit: bool, lease: str) -> Descriptor:
        """Let CRIU write; return the tar in the content store."""
        work = f"{self._layout.criu}/{rec.id}"
        await offload(_make_work, work)
        await self._monitors.stop(rec.id)  # CRIU cannot dump a probe that is under way
        user = f"{rec.id}-checkpoint"
        await self._unpacked.enter(user)
        try:
            return pick(await self._tier(rec.id).checkpoint(rec.id, exit, work, lease))
        except EngineError as error:
            raise System(f"{error}{await offload(complaints, work)}") from error
        finally:
            if (now := self._store.by_id(rec.id)) is not None:
                self._monitors.watch(now)
            await offload(checkpoints.remove, work)
            await self._unpacked.leave(user)

    async def _keep(self, rec: Record, asked: CreateOptions, ref: str, tar: Descriptor) -> None:
        """Unpack the tar beside the place of the checkpoint, then show it whole."""
        with await self._tars.fetch(tar) as file:
            async with self._store.exclusive(rec.id):
                path = await offload(checkpoints.vacant, self._directory(rec, asked.directory), asked.id, ref)
                await offload(_place, file, path)


def pick(found: Sequence[Descriptor]) -> Descriptor:
    """Return the tar of CRIU's files among what a checkpoint wrote; System when there is none."""
    for descriptor in found:
        if descriptor.media_type == CHECKPOINT_MEDIA_TYPE:
            return descriptor
    kinds = ", ".join(descriptor.media_type for descriptor in found) or "nothing"
    raise System(f"invalid checkpoint: the runtime has written no {CHECKPOINT_MEDIA_TYPE}, but {kinds}")


def complaints(work: str) -> str:
    """Return what CRIU's log names as errors, the first ones, as the end of a sentence; empty without a log."""
    try:
        with open(os.open(f"{work}/{LOG}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_LIMIT))
            text = file.read(LOG_LIMIT).decode(errors="replace")
    except OSError:
        return ""
    errors = _CRIU_ERROR.findall(text)[:ERRORS_SHOWN]
    return f": criu says: {'; '.join(errors)}" if errors else ""


def _make_work(path: str) -> None:
    with translate("make CRIU's working directory"):
        files.remove_tree(path)
        os.makedirs(path, 0o700)


def _place(file: IO[bytes], path: str) -> None:
    directory, name = os.path.split(path)
    half = os.path.join(directory, f"{checkpoints.HIDDEN}{name}")
    with translate("unpack the checkpoint"):
        files.remove_tree(half)
        try:
            os.mkdir(half, 0o700)
            treetar.unpack(file, half)
            os.rename(half, path)
        except BaseException:
            files.remove_tree(half)
            raise
