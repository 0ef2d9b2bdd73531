"""The direct tier: the container's keeper is its parent and runs an OCI runtime, `crun` or `runc`, without a shim.

A run's directory `<exec-root>/c/<id>/<generation>/` is the bundle. `direct.json` in it comes before the first effect
and says what `delete` needs: the runtime's words and the cgroup. What keeps its state elsewhere is the runtime alone,
below its own root.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from wherry.base.errors import Conflict, DeadlineExceeded, NotFound, System, Unavailable
from wherry.base.offload import offload
from wherry.containerd.tasks import CHECKPOINT_DEADLINE, LAUNCH_DEADLINE, Exit, TaskState
from wherry.host import files, treetar
from wherry.host.errors import translate
from wherry.host.groups import Groups
from wherry.host.packets import close_all
from wherry.model.image import Descriptor
from wherry.runtimes.criu import CriuTars
from wherry.runtimes.filters import Filters, Key
from wherry.runtimes.held import EXIT, HELD, Held, end_commands, read, read_held
from wherry.runtimes.parents import Keeper
from wherry.runtimes.registry import Runtime
from wherry.runtimes.sealed import Programs
from wherry.runtimes.tier import Pipes
from wherry.runtimes.words import complaint

log = logging.getLogger("wherry.direct")

FIFO = "exec.fifo"
"""What crun and runc have in a container's state directory until it is started."""
IMAGES = "criu"
"""Directory with CRIU's files: of a run that is to be restored, and below the working directory of a checkpoint."""
KILLED = 137
LOST = "its keeper died, and with it the container"
CALL_SECONDS = 10.0


class _End(msgspec.Struct, frozen=True):
    status: int
    at: int


class _Spec(msgspec.Struct):
    process: dict[str, Any]


class _Process(msgspec.Struct):
    terminal: bool = False
    args: list[str] = []


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is registered and not made yet."""

    command: str
    terminal: bool = False
    filter: Key | None = None
    """The profile whose filter is to be learnt."""


Environment = Mapping[str, str]


class Direct:
    """Creates, starts, signals, waits for and deletes containers by their keepers."""

    def __init__(
        self,
        keeper: Callable[[str], Keeper | None],
        runs: Callable[[str], list[str]],
        run_elsewhere: Callable[[list[str], Environment], Awaitable[None]],
        groups: Groups,
        group_of: Callable[[str], str],
        environ: Environment,
        tars: CriuTars,
    ) -> None:
        """Take the way to keepers, the cgroups, what reads a `linux.cgroupsPath`, where programs are looked up, and
        where checkpoints are kept.

        `runs` (blocking) lists the directories of a container's runs, the latest last; `run_elsewhere` runs a command
        where there is no keeper to run it.
        """
        self._keeper = keeper
        self._runs = runs
        self._run_elsewhere = run_elsewhere
        self._groups = groups
        self._group_of = group_of
        self._environ = {"PATH": environ.get("PATH", os.defpath)}
        self._numbers = itertools.count()
        self._known: dict[str, Held] = {}
        """By directory: what was written or read before."""
        self._filters = Filters()
        self._programs = Programs()
        self._tars = tars
        self._dumps: dict[str, asyncio.Event] = {}
        """By container: set once the checkpoint that is under way is over."""
        self._wanted: dict[tuple[str, str], _Wanted] = {}
        """By container and exec id."""

    async def register(self, ident: str, spec: dict[str, Any], runtime: Runtime, image: str) -> None:
        """Write the bundle, and first of all what the run may hold; what a stale run has left is deleted.

        System names what cannot be written.
        """
        directory = self._living(ident).directory
        group = self._group_of(spec["linux"]["cgroupsPath"])
        if ident not in group:
            raise System(f"the cgroup {group} is not the container's own")
        program = shutil.which(runtime.command, path=self._environ["PATH"]) or runtime.command
        key = self._filters.offer(program, spec)
        held = Held([program, *runtime.flags, "--root", runtime.direct_root], runtime.direct_root, group)
        for other in await offload(self._lay_down, ident, directory, msgspec.json.encode(spec), held):
            await self._delete_run(ident, other)
        self._known[directory] = held
        process = spec["process"]
        self._wanted[ident, ""] = _Wanted(process["args"][0], process.get("terminal", False), key)

    def _lay_down(self, ident: str, directory: str, spec: bytes, held: Held) -> list[str]:
        """Write the bundle; returns the directories of other runs."""
        with translate("write the bundle"):
            os.makedirs(held.root, 0o700, exist_ok=True)
            files.write_in_place(f"{directory}/{HELD}", msgspec.json.encode(held), 0o600)
            files.write_in_place(f"{directory}/config.json", spec, 0o600)
        return [other for other in self._runs(ident) if other != directory]

    async def create(
        self, ident: str, runtime: Runtime, pipes: Pipes, terminal: bool, checkpoint: Descriptor | None = None
    ) -> int:
        """Run `create`; returns the pid. System in the runtime's words, behind those that a shim puts before them.

        Conflict for a second one, NotFound for what is not registered. From a checkpoint its files are unpacked for
        `restore`, and the pid is 0.
        """
        keeper = self._living(ident)
        if keeper.ends.pid(""):
            raise Conflict(f"container {ident} was created before")
        wanted = self._take_wanted(ident)
        if checkpoint is not None:
            self._wanted[ident, ""] = wanted
            await self._unpack(checkpoint, f"{keeper.directory}/{IMAGES}")
            return 0
        pid = await self._launch(keeper, ident, "", wanted, "create", "--bundle", keeper.directory)
        if wanted.filter is not None:
            await self._filters.learn(wanted.filter, f"{runtime.direct_root}/{ident}")
        return pid

    async def start(self, ident: str, exec_id: str = "") -> int:
        """Release the container's process, or run an exec; returns the pid."""
        keeper = await self._made(ident)
        if exec_id:
            wanted, process = self._take_wanted(ident, exec_id), f"{keeper.directory}/{exec_id}.json"
            return await self._launch(keeper, ident, exec_id, wanted, "exec", "--detach", "--process", process)
        await self._run(ident, "start", ident)
        return keeper.ends.pid("")

    async def restore(self, ident: str) -> int:
        """Have CRIU make the processes again; returns the first one's pid. Its log is `restore.log` of the run."""
        keeper = self._living(ident)
        images = f"{keeper.directory}/{IMAGES}"
        words = ["restore", "--detach", "--image-path", images, "--work-path", keeper.directory]
        words += ["--bundle", keeper.directory]
        pid = await self._launch(keeper, ident, "", self._take_wanted(ident), *words, deadline=CHECKPOINT_DEADLINE)
        with translate("remove what the container was restored from"):
            await offload(files.remove_tree, images)
        return pid

    async def _unpack(self, checkpoint: Descriptor, images: str) -> None:
        with await self._tars.fetch(checkpoint) as file, translate("unpack the checkpoint"):
            await offload(os.mkdir, images, 0o700)
            await offload(treetar.unpack, file, images)

    async def exec(self, ident: str, exec_id: str, process: bytes, pipes: Pipes, terminal: bool) -> None:
        """Keep the process for `start`; Conflict if the exec id exists."""
        keeper = await self._made(ident)
        if (ident, exec_id) in self._wanted or keeper.ends.pid(exec_id):
            raise Conflict(f"exec {exec_id} exists already")
        path = f"{keeper.directory}/{exec_id}.json"
        with translate("write the process of an exec"):
            await offload(files.write_in_place, path, process, 0o600)
        asked = msgspec.json.decode(process, type=_Process)
        self._wanted[ident, exec_id] = _Wanted(asked.args[0], terminal)

    async def process(self, ident: str) -> dict[str, Any]:
        """Return the OCI process that the container was created with."""
        await self._held(ident)
        spec = await offload(read, f"{self._living(ident).directory}/config.json")
        return msgspec.json.decode(spec, type=_Spec).process

    async def resize(self, ident: str, exec_id: str, width: int, height: int) -> None:
        """Resize a process's terminal, in characters."""
        keeper = self._living(ident)
        await keeper.ask("resize", exec_id=exec_id, width=width, height=height, deadline=CALL_SECONDS)

    async def close_stdin(self, ident: str, exec_id: str) -> None:
        """Nothing: the keeper writes the only end there is, and closes it by itself."""

    async def delete_process(self, ident: str, exec_id: str) -> None:
        """Forget an exec that has ended; gone is fine."""
        self._wanted.pop((ident, exec_id), None)
        keeper = self._keeper(ident)
        if keeper is not None:
            keeper.ends.forget(exec_id)
            with translate("forget an exec"), contextlib.suppress(FileNotFoundError):
                os.unlink(f"{keeper.directory}/{exec_id}.json")

    async def kill(self, ident: str, number: int, exec_id: str = "") -> None:
        """Signal a process; NotFound when it is gone. A paused container is killed as by runc: it must run to die."""
        keeper = await self._made(ident)
        await keeper.ask("signal", exec_id=exec_id, number=number, deadline=CALL_SECONDS)
        if number == signal.SIGKILL and not exec_id:
            await offload(self._groups.thaw, (await self._held(ident)).group)

    async def kill_all(self, ident: str) -> None:
        """SIGKILL everything in the container; gone or never started is fine."""
        await offload(self._kill_groups, ident)

    def _kill_groups(self, ident: str) -> None:
        for directory in self._runs(ident):
            held = self._known.get(directory) or read_held(directory)
            if held is not None:
                self._groups.kill(held.group)

    async def update(self, ident: str, resources: bytes) -> None:
        """Change the limits (JSON of the OCI resources)."""
        path = f"{self._living(ident).directory}/resources.json"
        with translate("write the limits"):
            await offload(files.write_in_place, path, resources, 0o600)
        await self._run(ident, "update", "--resources", path, ident)

    async def pids(self, ident: str) -> list[int]:
        """Return the pids of all processes, as this host counts them."""
        return await offload(self._groups.pids, (await self._held(ident)).group)

    async def pause(self, ident: str) -> None:
        """Freeze everything in the container; System for one that does not run."""
        await self._check_status(ident, "pause", "running")
        await self._run(ident, "pause", ident)

    async def resume(self, ident: str) -> None:
        """Let it run on; System for one that is not paused."""
        await self._check_status(ident, "resume", "paused")
        await self._run(ident, "resume", ident)

    async def checkpoint(self, ident: str, exit: bool, work: str, lease: str) -> list[Descriptor]:
        """Have CRIU write the state of a running container, and put that into the content store; its log is in `work`.

        The files are below `work` meanwhile, which is the caller's to remove.
        """
        images = f"{work}/{IMAGES}"
        words = ["checkpoint", "--image-path", images, "--work-path", work, *([] if exit else ["--leave-running"])]
        over = self._dumps[ident] = asyncio.Event()
        try:
            await self._run(ident, *words, ident, deadline=CHECKPOINT_DEADLINE)
        finally:
            over.set()
            del self._dumps[ident]
        return [await self._tars.keep(images, {}, lease, lease)]

    async def wait(self, ident: str, exec_id: str, seconds: float) -> Exit:
        """Wait for a process; DeadlineExceeded after `seconds`, NotFound when there is none.

        A keeper that dies takes its container along: what is left of it is killed, and that is its end.
        """
        keeper = self._keeper(ident)
        if keeper is not None:
            try:
                async with asyncio.timeout(seconds):
                    end = await keeper.ends.wait(exec_id)
                return Exit(end.status, end.at_ns)
            except TimeoutError as error:
                raise DeadlineExceeded(f"container {ident} still runs after {seconds:g} s") from error
            except Unavailable:
                if exec_id:
                    raise
        return await self._bury(ident)

    async def state(self, ident: str) -> TaskState | None:
        """Return what is known of the container's own process, None for nothing."""
        keeper = self._keeper(ident)
        if keeper is None or not keeper.ends.pid(""):
            return None
        held = await self._read_held(keeper.directory)
        if held is None:
            return None
        pid, end = keeper.ends.pid(""), keeper.ends.end("")
        if end is not None:
            return TaskState(ident, pid, "stopped", end.status, end.at_ns)
        return TaskState(ident, pid, await offload(self._status, ident, held), 0, 0)

    def _status(self, ident: str, held: Held) -> str:
        if os.path.lexists(f"{held.root}/{ident}/{FIFO}"):
            return "created"
        return "paused" if self._groups.frozen(held.group) else "running"

    async def _check_status(self, ident: str, verb: str, needed: str) -> None:
        """Refuse a verb as a shim does: crun freezes what has not begun, and thaws what is not frozen."""
        found = await self.state(ident)
        if found is None:
            raise NotFound(f"container {ident} was not created")
        if found.status != needed:
            raise System(f"cannot {verb} a {found.status} container")

    async def delete(self, ident: str) -> None:
        """Kill, reap and delete the container; nothing there is fine. DeadlineExceeded if it cannot be killed."""
        for directory in await offload(self._runs, ident):
            await self._delete_run(ident, directory)
        for key in [key for key in self._wanted if key[0] == ident]:
            del self._wanted[key]

    async def _delete_run(self, ident: str, directory: str) -> None:
        """End commands under way, then the processes, then let the runtime and the kernel forget the container."""
        held = await self._read_held(directory)
        if held is None:
            return
        keeper = self._keeper(ident)
        if keeper is not None and keeper.directory != directory:
            keeper = None
        if ident in self._dumps:
            await self._finish_dump(self._dumps[ident], held)
        await self._quiet(keeper, ident, held)
        if await offload(self._kill_made, ident, held):
            await self._forget(keeper, ident, held)
        await offload(self._clear, ident, directory, held)
        self._known.pop(directory, None)

    def _kill_made(self, ident: str, held: Held) -> bool:
        """Kill all processes; tell whether the runtime has state of the container."""
        self._groups.kill(held.group)
        return os.path.isdir(f"{held.root}/{ident}")

    async def _finish_dump(self, over: asyncio.Event, held: Held) -> None:
        """A checkpoint that ends its container has not ended with it: its command writes the rest, if in time."""
        await offload(self._groups.kill, held.group)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CALL_SECONDS):
                await over.wait()

    async def _quiet(self, keeper: Keeper | None, ident: str, held: Held) -> None:
        if keeper is not None:
            with contextlib.suppress(Unavailable):
                await keeper.ask("quiet", deadline=CALL_SECONDS)
                return
        await offload(end_commands, held, ident)

    async def _forget(self, keeper: Keeper | None, ident: str, held: Held) -> None:
        """The runtime's own delete; where that fails, as for what it has half made, `_clear` does without it."""
        words = ["delete", "--force", ident]
        try:
            if keeper is not None:
                with contextlib.suppress(Unavailable):
                    await self._ask(keeper, "run", held, words)
                    return
            await self._run_elsewhere([*held.runtime, *words], self._environ)
        except System as error:
            log.warning("container %s: what its runtime cannot delete is removed without it: %s", ident, error)

    def _clear(self, ident: str, directory: str, held: Held) -> None:
        """Remove what a runtime that was killed in the middle has left, and the note of it last."""
        self._groups.remove(held.group)
        with translate("remove what the runtime has left"):
            files.remove_tree(f"{held.root}/{ident}")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{directory}/{HELD}")

    async def _bury(self, ident: str) -> Exit:
        """Return the end of a container whose keeper is gone: what the keeper stored, else a kill of what is left."""
        directories = await offload(self._runs, ident)
        if not directories:
            raise NotFound(f"container {ident} has no run")
        text = await offload(read, f"{directories[-1]}/{EXIT}")
        if text:
            end = msgspec.json.decode(text, type=_End)
            return Exit(end.status, end.at)
        try:
            await self.kill_all(ident)
        except DeadlineExceeded as error:  # who waits takes that kind for a process that still runs
            raise System(f"{LOST}, which is still there: {error}") from error
        return Exit(KILLED, time.time_ns(), LOST)

    async def _launch(
        self,
        keeper: Keeper,
        ident: str,
        exec_id: str,
        wanted: _Wanted,
        *words: str,
        deadline: float = LAUNCH_DEADLINE,
    ) -> int:
        console = f"{exec_id[:12] or 'init'}.sock" if wanted.terminal else ""
        pid_file = f"{keeper.directory}/{exec_id or 'init'}.pid"
        options = ["--pid-file", pid_file, *(["--console-socket", console] if console else [])]
        held = await self._held(ident)
        given = {"exec_id": exec_id, "pid_file": pid_file, "console": console, "memory": "", "deadline": deadline}
        if not exec_id:
            given |= {"memory": self._groups.memory(held.group), "waits": words[0] == "create"}
        answer = await self._ask(keeper, "launch", held, [*words, *options, ident], given, wanted.command)
        keeper.ends.launched(exec_id, answer["pid"])
        return int(answer["pid"])

    async def _run(self, ident: str, *words: str, deadline: float = LAUNCH_DEADLINE) -> None:
        await self._ask(self._living(ident), "run", await self._held(ident), list(words), {"deadline": deadline})

    async def _ask(
        self,
        keeper: Keeper,
        order: str,
        held: Held,
        words: list[str],
        given: Mapping[str, Any] | None = None,
        command: str = "",
    ) -> dict[str, Any]:
        """Have a command run; System in the words that clients know when it fails."""
        path = f"{keeper.directory}/{next(self._numbers)}.log"
        program = await self._programs.lend(held.runtime[0])
        try:
            answer = await keeper.ask(
                order,
                program,
                argv=[*held.runtime, "--log", path, "--log-format", "json", *words],
                environ=self._environ,
                log=path,
                **({"deadline": LAUNCH_DEADLINE} | dict(given or {})),
            )
        finally:
            close_all(program)
        if answer.get("status"):
            said, talk = answer["log"], answer.get("talk", "")
            raise System(complaint(words[0], held.runtime[0], answer["status"], said, command, talk))
        return answer

    def _living(self, ident: str) -> Keeper:
        keeper = self._keeper(ident)
        if keeper is None:
            raise NotFound(f"container {ident} has no keeper")
        return keeper

    async def _made(self, ident: str) -> Keeper:
        """Return the keeper of a container that was created and not deleted; NotFound."""
        await self._held(ident)
        keeper = self._living(ident)
        if not keeper.ends.pid(""):
            raise NotFound(f"container {ident} was not created")
        return keeper

    def _take_wanted(self, ident: str, exec_id: str = "") -> _Wanted:
        wanted = self._wanted.pop((ident, exec_id), None)
        if wanted is None:
            raise NotFound(f"exec {exec_id} does not exist" if exec_id else f"container {ident} is not registered")
        return wanted

    async def _held(self, ident: str) -> Held:
        held = await self._read_held(self._living(ident).directory)
        if held is None:
            raise NotFound(f"container {ident} is gone")
        return held

    async def _read_held(self, directory: str) -> Held | None:
        if directory not in self._known:
            held = await offload(read_held, directory)
            if held is None:
                return None
            self._known[directory] = held
        return self._known[directory]
