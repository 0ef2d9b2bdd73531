"""kill -9 of a direct runtime's command, of the keeper, the zygote and the daemon, while the command is under way.

The runtime of the engine here stops before it does its work, once, at a verb that is named in a file. The process is
killed, and what is stopped goes on. The container's state is told true, nothing is left and the next start works.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.cells import kill_all, removed, settled
from tests.faults.conftest import IMAGE
from tests.real.box import Box
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks, look

RUNTIME = """#!/bin/sh
case " $* " in *" $(cat {root}/verb 2>/dev/null) "*)
    rm {root}/verb; echo $$ > {root}/held.new; mv {root}/held.new {root}/held; kill -STOP $$ ;;
esac
exec crun "$@"
"""
LOST = "its keeper died, and with it the container"
VICTIMS = ("runtime", "keeper", "zygote")
DAEMON = ("daemon", "daemon and keeper")
SECONDS = 20


@dataclass
class Held:
    """The engine, and what its runtime does next."""

    engine: Engine

    def arm(self, verb: str) -> None:
        """Let the next command with this verb stop."""
        (self.engine.root / "held").unlink(missing_ok=True)
        (self.engine.root / "verb").write_text(verb)

    def stopped(self) -> int:
        """Wait until it has stopped; returns its pid."""
        end = time.monotonic() + SECONDS
        path = self.engine.root / "held"
        while time.monotonic() < end:
            if path.exists() and "\nState:\tT" in Path(f"/proc/{int(path.read_text())}/status").read_text():
                return int(path.read_text())
            time.sleep(0.01)
        raise AssertionError(f"no command has stopped\n{self.engine.tail()}")

    def strike(self, victim: str, pid: int) -> None:
        """Kill the victim, and let the command go on if it is still there."""
        if victim == "runtime":
            os.kill(pid, signal.SIGKILL)
            return
        if "daemon" in victim:
            self.engine.kill()
        if victim != "daemon":
            kill_all(self.engine, victim.removeprefix("daemon and "))
        if "daemon" in victim:
            self.engine.start("--live-restore")
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return  # ended by who gave the container back


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine with a direct crun, hence in a box of its own in which only cgroup v1 is mounted."""
    with Box() as box:
        box.run("umount", "-l", "/sys/fs/cgroup/unified")
        engine = Engine(box, "faults")
        program, file = engine.root / "held-up", engine.root / "daemon.json"
        program.write_text(RUNTIME.format(root=engine.root))
        program.chmod(0o755)
        options = {"binary": str(program), "root": f"{engine.exec}/direct/held"}
        runtimes = {"held": {"runtimeType": "io.wherry.direct.v1", "options": options}}
        file.write_text(json.dumps({"runtimes": runtimes, "default-runtime": "held"}))
        engine.flags += ["--config-file", str(file)]
        engine.tier = ""
        try:
            engine.start("--live-restore").load_demo(IMAGE)
            engine.ok("run", "--rm", IMAGE, "true")
            yield engine
        finally:
            engine.end()


@pytest.fixture
def held(engine: Engine) -> Held:
    return Held(engine)


@pytest.fixture
def clean(engine: Engine) -> Look:
    return look(engine)


def told(client: "subprocess.Popen[bytes]") -> bytes:
    """Wait for the end of a client that must not wait for ever; returns what it says."""
    try:
        return client.communicate(timeout=SECONDS)[1]
    except subprocess.TimeoutExpired:
        client.kill()
        raise


def over(engine: Engine, clean: Look, ident: str) -> None:
    """The same container starts again, it goes, the next one runs, and nothing is left."""
    if not engine.inspect(ident)["State"]["Running"]:
        engine.ok("start", ident)
    removed(engine, ident)
    assert engine.ok("run", "--rm", IMAGE, "echo", "well") == "well"
    assert_no_leaks(engine, clean)


def state(engine: Engine, ident: str) -> tuple[str, int]:
    found = engine.inspect(ident)["State"]
    return found["Status"], found["ExitCode"]


def cause(engine: Engine, ident: str) -> str:
    return str(engine.inspect(ident)["Wherry"]["End"]["Cause"])


@pytest.mark.parametrize("process", [*VICTIMS, *DAEMON])
@pytest.mark.parametrize("point", ["create", "start"])
def test_at_start(engine: Engine, held: Held, clean: Look, point: str, process: str) -> None:
    """Without its runtime, its keeper or the daemon a start fails; the zygote has no part in it any more."""
    ident = engine.ok("create", "-p", "8080:80", "--stop-timeout", "1", IMAGE, "sleep", "1000")
    held.arm(point)
    with engine.popen("start", ident) as starting:
        held.strike(process, held.stopped())
        said = told(starting)
    assert (starting.returncode == 0) == (process == "zygote"), said
    if process == "runtime":
        assert b"held-up did not terminate successfully: signal 9" in said, said
        assert state(engine, ident) == ("created", 128)
    elif process == "keeper":
        assert state(engine, ident) == ("created", 128), said
    else:
        settled(engine, ident, "running" if process == "zygote" else "created")
    over(engine, clean, ident)


@pytest.mark.parametrize("process", VICTIMS)
@pytest.mark.parametrize("point", ["exec", "pause", "update"])
def test_while_running(engine: Engine, held: Held, clean: Look, point: str, process: str) -> None:
    """What the command was for may fail; the container's fate is its keeper's alone."""
    ident = engine.ok("run", "-d", "--stop-timeout", "1", IMAGE, "sleep", "1000")
    verbs = {"exec": ("exec", ident, "true"), "pause": ("pause", ident), "update": ("update", "--cpus", "1", ident)}
    held.arm(point)
    with engine.popen(*verbs[point]) as client:
        held.strike(process, held.stopped())
        said = told(client)
    assert (client.returncode == 0) == (process == "zygote"), said
    if process == "keeper":
        assert engine.ok("wait", ident) == "137"
        assert cause(engine, ident) == LOST
    elif (process, point) == ("zygote", "pause"):
        assert state(engine, ident) == ("paused", 0)
    else:
        assert state(engine, ident) == ("running", 0)
        assert engine.ok("exec", ident, "echo", "well") == "well"
    over(engine, clean, ident)


@pytest.mark.parametrize("process", [*VICTIMS, *DAEMON])
@pytest.mark.parametrize("point", ["delete"])
def test_at_exit(engine: Engine, held: Held, clean: Look, point: str, process: str) -> None:
    """The exit is on disk before the runtime is asked to delete: it is told whatever dies then."""
    ident = engine.ok("create", "-p", "8080:80", IMAGE, "sh", "-c", "exit 7")
    held.arm(point)
    engine.ok("start", ident)
    held.strike(process, held.stopped())
    assert engine.ok("wait", ident) == "7"
    settled(engine, ident, "exited")
    assert cause(engine, ident) == "exit status 7"
    over(engine, clean, ident)


@pytest.mark.parametrize("process", ["keeper", "zygote"])
@pytest.mark.parametrize("point", ["rest"])
def test_at_rest(engine: Engine, clean: Look, point: str, process: str) -> None:
    """No command is under way."""
    ident = engine.ok("run", "-d", "-p", "8080:80", "--stop-timeout", "1", IMAGE, "sleep", "1000")
    kill_all(engine, process)
    if process == "keeper":
        assert engine.ok("wait", ident) == "137"
        assert cause(engine, ident) == LOST
    assert state(engine, ident) == (("exited", 137) if process == "keeper" else ("running", 0))
    over(engine, clean, ident)
