"""The direct tier on real keepers, with a small program in the place of the OCI runtime."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.load_fakes import FakeContent
from tests.unit.streams_harness import ID, SOON, Engine, engine
from wherry.base.errors import Conflict, DeadlineExceeded, NotFound, System
from wherry.containerd.tasks import CHECKPOINT_MEDIA_TYPE
from wherry.host.groups import Groups
from wherry.model.image import Descriptor
from wherry.runtimes.criu import CriuTars
from wherry.runtimes.direct import IMAGES, LOST, Direct
from wherry.runtimes.held import EXIT, HELD, Held, end_commands
from wherry.runtimes.registry import Runtime
from wherry.runtimes.words import complaint
from wherry.streams import parent
from wherry.streams.keepers import AttachOptions

NO_PIPES = ("", "", "")
RUNTIME = r"""#!/bin/sh
# The command line of an OCI runtime. The container's command is in config.json, an exec's in its process file.
while :; do
  case $1 in
  --root) root=$2; shift 2 ;;
  --log) log=$2; shift 2 ;;
  --log-format) shift 2 ;;
  *) break ;;
  esac
done
verb=$1; shift
while [ $# -gt 1 ]; do
  case $1 in
  --bundle) text=$2/config.json; shift 2 ;;
  --process) text=$2; shift 2 ;;
  --pid-file) pid_file=$2; shift 2 ;;
  --image-path) images=$2; shift 2 ;;
  *) shift ;;
  esac
done
state=$root/$1
command=$(sed -n 's/.*"command":"\([^"]*\)".*/\1/p' "$text" 2>/dev/null)
echo "$verb" >> "$root/calls"
echo "talk of the runtime" >&2
exec 3<&0
case $verb in
create)
  mkdir "$state" && mkfifo "$state/go"
  if [ "$command" = refused ]; then echo '{"level":"error","msg":"no such command"}' > "$log"; exit 1; fi
  if [ "$command" = killed ]; then kill -9 $$; fi
  if [ "$command" = slow ]; then echo > "$state/slow"; sleep 1000; fi
  (read -r _ < "$state/go"; exec sh -c "$command" <&3 3<&-) &
  echo $! > "$pid_file"
  ;;
exec)
  sh -c "$command" <&3 3<&- &
  echo $! > "$pid_file"
  ;;
start) echo > "$state/go" ;;
checkpoint)
  if [ -e "$state/silent" ]; then exit 1; fi
  if [ -e "$state/stubborn" ]; then echo '{"level":"error","msg":"criu failed"}' > "$log"; exit 1; fi
  mkdir "$images" && echo 41 > "$images/pages-1.img"
  echo > "$root/dumps"
  while [ -e "$root/lasts" ]; do sleep 0.01; done
  ;;
restore)
  mkdir "$state"
  read -r pages < "$images/pages-1.img"
  (echo restored "$pages"; exec sh -c "$command" <&3 3<&-) &
  echo $! > "$pid_file"
  ;;
delete) rm -rf "$state" ;;
esac
"""


class FakeGroups:
    """Cgroups that remember who was put in: what is killed is what the test names."""

    def __init__(self) -> None:
        self.members: list[int] = []
        self.removed: list[str] = []
        self.stubborn = False

    def kill(self, group: str) -> None:
        if self.stubborn:
            raise DeadlineExceeded("see ps for state D")
        for pid in self.members:
            if os.path.exists(f"/proc/{pid}"):
                os.kill(pid, signal.SIGKILL)

    def thaw(self, group: str) -> None:
        pass

    def remove(self, group: str) -> None:
        self.removed.append(group)

    def memory(self, group: str) -> str:
        return ""

    def frozen(self, group: str) -> bool:
        return False


class Tier:
    """A Direct and what it works on."""

    def __init__(self, it: Engine, root: Path) -> None:
        self.it, self.root, self.groups = it, root, FakeGroups()
        self.program = root / "runtime"
        self.program.write_text(RUNTIME)
        self.program.chmod(0o755)
        self.state = root / "state"
        self.elsewhere: list[list[str]] = []
        self.content = FakeContent()
        self.runtime = Runtime(
            "test", "", program=str(self.program), command=str(self.program), direct_root=str(self.state)
        )
        self.direct = self.make()

    def make(self) -> Direct:
        """Return one that knows nothing of the runs, as after a restart."""
        groups = cast(Groups, self.groups)
        tars = CriuTars(self.content, str(self.root / "spool"))
        return Direct(self.it.keepers.of, self.it.keepers.runs, self._run, groups, lambda path: path, os.environ, tars)

    async def _run(self, argv: list[str], environ: Mapping[str, str]) -> None:
        self.elsewhere.append(argv)
        process = await asyncio.create_subprocess_exec(*argv, env=dict(environ))
        assert await process.wait() == 0

    async def create(
        self, command: str, stdin: bool = False, generation: int = 1, checkpoint: Descriptor | None = None
    ) -> int:
        keeper = await self.it.keepers.fork(ID, generation, self.it.target)
        await keeper.open(False, stdin, parent=True)
        spec: dict[str, Any] = {
            "linux": {"cgroupsPath": f"/docker/{ID}"},
            "process": {"args": ["x"], "terminal": False},
            "command": command,
        }
        await self.direct.register(ID, spec, self.runtime, "")
        pid = await self.direct.create(ID, self.runtime, NO_PIPES, False, checkpoint)
        if pid:
            self.groups.members.append(pid)
        return pid

    @property
    def directory(self) -> Path:
        return Path(self.it.keepers.directory(ID, 1))

    def calls(self) -> list[str]:
        return (self.state / "calls").read_text().split()


@asynccontextmanager
async def tier(root: Path) -> AsyncIterator[Tier]:
    async with asyncio.timeout(60), engine(root / "x") as it:
        yield Tier(it, root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "x").mkdir()
    return tmp_path


async def test_a_whole_life(root: Path) -> None:
    async with tier(root) as t:
        pid = await t.create("cat; echo done; exit 5", stdin=True)
        keeper = t.it.keepers.of(ID)
        assert keeper is not None
        client = await t.it.attach(keeper, AttachOptions(stdin=True, stdout=True, stderr=True, stdin_once=True))
        state = await t.direct.state(ID)
        assert state is not None
        assert (state.pid, state.status) == (pid, "running")
        assert await t.direct.start(ID) == pid
        await client.write(b"in\n")
        assert await client.read(3) == b"in\n"
        client.half_close()
        assert await client.read(5) == b"done\n"
        exit = await t.direct.wait(ID, "", SOON)
        assert (exit.status, exit.note) == (5, "")
        assert (t.directory / EXIT).exists(), "on disk before anybody is told"
        again = t.make()
        assert await again.wait(ID, "", SOON) == exit
        await keeper.end(1.0)
        assert "talk" not in t.it.log.read_text(), "what a runtime says is not the container's"
        await t.direct.delete(ID)
        assert (t.calls(), t.groups.removed) == (["create", "start", "delete"], [f"/docker/{ID}"])
        assert not (t.directory / HELD).exists()
        await t.direct.delete(ID)
        client.close()
        await t.it.keepers.release(ID, 1)
        assert await t.direct.state(ID) is None


async def test_an_exec(root: Path) -> None:
    async with tier(root) as t:
        await t.create("sleep 1000")
        await t.direct.start(ID)
        keeper = t.it.keepers.of(ID)
        assert keeper is not None
        await keeper.open_exec("e1", False, False)
        client = await t.it.attach(keeper, AttachOptions(stdout=True), exec_id="e1")
        await t.direct.exec(ID, "e1", b'{"args":["x"],"command":"echo out; exit 7"}', NO_PIPES, False)
        pid = await t.direct.start(ID, "e1")
        assert pid > 0
        assert (await t.direct.wait(ID, "e1", SOON)).status == 7
        assert await client.read(4) == b"out\n"
        with pytest.raises(NotFound, match="process already finished"):
            await t.direct.kill(ID, signal.SIGTERM, "e1")
        await t.direct.delete_process(ID, "e1")
        await keeper.end_exec("e1", 1.0)
        with pytest.raises(NotFound):
            await t.direct.wait(ID, "e1", SOON)
        await t.direct.kill(ID, signal.SIGTERM)
        assert (await t.direct.wait(ID, "", SOON)).status == 128 + signal.SIGTERM
        client.close()


async def running(t: Tier, root: Path) -> Path:
    """Run a container and return a directory for CRIU."""
    work = root / "work"
    work.mkdir()
    await t.create("sleep 1000")
    await t.direct.start(ID)
    return work


async def test_a_checkpoint_and_its_restore(root: Path) -> None:
    async with tier(root) as t:
        work = await running(t, root)
        (tar,) = await t.direct.checkpoint(ID, True, str(work), "lease")
        assert tar.media_type == CHECKPOINT_MEDIA_TYPE
        (t.state / ID / "silent").touch()
        with pytest.raises(System, match=r"exit status 1: talk of the runtime$"):
            await t.direct.checkpoint(ID, True, str(work), "lease")
        (t.state / ID / "silent").unlink()
        (t.state / ID / "stubborn").touch()
        with pytest.raises(System, match=r"^OCI runtime checkpoint failed: criu failed$"):
            await t.direct.checkpoint(ID, True, str(work), "lease")
        await t.direct.delete(ID)
        t.groups.members.clear()

        assert await t.create("echo on; exit 6", generation=2, checkpoint=tar) == 0
        assert await t.direct.state(ID) is None
        run = Path(t.it.keepers.directory(ID, 2))
        assert (run / IMAGES / "pages-1.img").read_text() == "41\n"
        assert await t.direct.restore(ID) > 0
        assert not (run / IMAGES).exists()
        assert (await t.direct.wait(ID, "", SOON)).status == 6
        keeper = t.it.keepers.of(ID)
        assert keeper is not None
        await keeper.end(1.0)
        assert "restored 41" in t.it.log.read_text(), "it runs before the command ends: nothing of it is dropped"


async def test_a_checkpoint_that_ends_its_container_is_finished(root: Path) -> None:
    """The exit is settled while the runtime still writes."""
    async with tier(root) as t:
        work = await running(t, root)
        (t.state / "lasts").touch()
        dump = asyncio.create_task(t.direct.checkpoint(ID, True, str(work), "lease"))
        while not (t.state / "dumps").exists():  # noqa: ASYNC110 - told by a file of another process
            await asyncio.sleep(0.01)
        delete = asyncio.create_task(t.direct.delete(ID))
        assert (await t.direct.wait(ID, "", SOON)).status == 137
        (t.state / "lasts").unlink()
        assert len(await dump) == 1
        await delete


async def test_what_the_runtime_refuses_is_said_in_its_words(root: Path) -> None:
    async with tier(root) as t:
        with pytest.raises(System, match=r"^OCI runtime create failed: no such command$"):
            await t.create("refused")
        await t.direct.delete(ID)
        assert not (t.state / ID).exists()


async def test_a_runtime_that_is_killed_leaves_nothing(root: Path) -> None:
    async with tier(root) as t:
        with pytest.raises(System, match="unable to retrieve OCI runtime error: runtime did not terminate .*signal 9"):
            await t.create("killed")
        await t.direct.delete(ID)
        assert (t.state / ID, t.groups.removed) != (None, [])
        assert not (t.state / ID).exists()


async def test_a_create_under_way_is_killed_by_a_delete(root: Path) -> None:
    async with tier(root) as t:
        create = asyncio.create_task(t.create("slow"))
        while not (t.state / ID / "slow").exists():  # noqa: ASYNC110 - told by a file of another process
            await asyncio.sleep(0.01)
        await t.direct.delete(ID)
        with pytest.raises(System, match="signal 9"):
            await create
        assert not (t.state / ID).exists()


async def test_a_dead_keeper_takes_its_container_along(root: Path) -> None:
    async with tier(root) as t:
        await t.create("sleep 1000")
        await t.direct.start(ID)
        keeper = t.it.keepers.of(ID)
        assert keeper is not None
        waiting = asyncio.create_task(t.direct.wait(ID, "", SOON))
        os.kill(keeper.pid, signal.SIGKILL)
        exit = await waiting
        assert (exit.status, exit.note) == (137, LOST)
        await t.direct.delete(ID)
        assert t.elsewhere[0][-3:] == ["delete", "--force", ID]
        assert not (t.state / ID).exists()


async def test_to_resize_what_has_no_terminal_does_nothing(root: Path) -> None:
    async with tier(root) as t:
        await t.create("sleep 1000")
        await t.direct.resize(ID, "", 80, 25)
        keeper = t.it.keepers.of(ID)
        assert keeper is not None
        await keeper.open_exec("e1", True, False)
        with pytest.raises(Conflict, match="not there yet"):
            await t.direct.resize(ID, "e1", 80, 25)
        await t.direct.delete(ID)


async def test_what_cannot_be_killed_after_its_keeper_is_said(root: Path) -> None:
    async with tier(root) as t:
        await t.create("sleep 1000")
        keeper = t.it.keepers.of(ID)
        assert keeper is not None
        t.groups.stubborn = True
        os.kill(keeper.pid, signal.SIGKILL)
        with pytest.raises(System, match=r"its keeper died.*, which is still there: see ps for state D"):
            await t.direct.wait(ID, "", SOON)
        t.groups.stubborn = False
        await t.direct.delete(ID)


async def test_a_later_daemon_knows_what_was_launched(root: Path) -> None:
    async with tier(root) as t:
        pid = await t.create("exit 3")
        first = t.it.keepers.of(ID)
        assert first is not None
        await t.direct.start(ID)
        await t.direct.wait(ID, "", SOON)
        first.close()
        assert await t.it.keepers.adopt(ID, 1) is not None
        state = await t.make().state(ID)
        assert state is not None
        assert (state.pid, state.status, state.exit_status) == (pid, "stopped", 3)


def test_commands_of_a_dead_keeper_are_found_by_root_and_id() -> None:
    held = Held(["/a/script", "--root", "/r"], "/r", "/g")
    commands = []
    for ident in ("other", ID):
        argv = ["/bin/sh", "-c", "trap '' TERM; echo runs; read x", "--root", "/r", "create", ident]
        commands.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    for command in commands:
        assert command.stdout is not None
        command.stdout.readline()  # an exec is seen by its parent before its arguments are by anybody
    end_commands(held, ID)
    assert commands[1].wait(10) == -signal.SIGKILL
    assert commands[0].poll() is None
    for command in commands:
        command.kill()
        command.communicate()


def test_the_last_error_counts() -> None:
    log = '{"level":"warning","msg":"w"}\n{"level":"error","msg":"one"}\nnoise\n{"level":"error","msg":"two"}\n'
    assert complaint("exec", "/x/crun", 1, log) == "OCI runtime exec failed: two"
    silent = "OCI runtime create failed: unable to retrieve OCI runtime error: crun did not terminate successfully: "
    assert complaint("create", "/x/crun", 1, "") == silent + "exit status 1"
    assert complaint("create", "/x/crun", 1, "", "", "no such verb\n") == silent + "exit status 1: no such verb"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "executable file `x` not found in $PATH: No such file or directory",
            'exec: "x": executable file not found in $PATH',
        ),
        (
            "executable file `/a/b` not found in $PATH: No such file or directory",
            'exec: "/a/b": stat /a/b: no such file or directory',
        ),
        ("open executable: Permission denied", 'exec: "cmd": permission denied'),
        ("open executable: Operation not permitted", 'exec: "cmd": permission denied'),
        ("mount `/a` to `etc`: Not a directory", "mount `/a` to `etc`: not a directory"),
        ('exec: "x": executable file not found in $PATH', 'exec: "x": executable file not found in $PATH'),
    ],
)
def test_cruns_words_become_those_that_clients_know(said: str, words: str) -> None:
    log = json.dumps({"level": "error", "msg": said})
    assert complaint("create", "crun", 1, log, "cmd") == f"OCI runtime create failed: {words}"


def test_both_sides_mean_the_same_file() -> None:
    assert parent.EXIT == EXIT
