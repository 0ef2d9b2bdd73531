"""The direct tier: what is special where a keeper is its container's parent. TIER=crun-direct runs all tests on it."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.box import Box
from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks, look
from tests.real.test_life import follow_until

IGNORING = ("sh", "-c", 'trap "" HUP INT QUIT; exec "$@"', "sh")
"""Starts a daemon as nohup and the jobs of a shell do: ignoring signals that no container may inherit."""
RUNTIMES = ("crun-direct", "runc-direct")


@pytest.fixture(scope="module")
def shared() -> Iterator[Engine]:
    """An engine of this module; in its box only cgroup v1 is mounted, since crun refuses the hybrid mode."""
    with Box() as box:
        box.run("umount", "-l", "/sys/fs/cgroup/unified")
        engine = Engine(box)
        engine.tier = "crun-direct"
        try:
            engine.start("--live-restore", before=IGNORING)
            engine.load_demo(IMAGE)
            yield engine
            assert engine.stop() == 0, engine.tail()
        finally:
            engine.end()


@pytest.fixture
def clean(engine: Engine) -> Look:
    return look(engine)


def cause(engine: Engine, ident: str) -> str:
    return str(engine.inspect(ident)["Wherry"]["End"]["Cause"])


def wait_until_exists(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"no {path}")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_shim_and_no_task(engine: Engine, clean: Look, runtime: str) -> None:
    ident = engine.ok("run", "-d", "--runtime", runtime, IMAGE, "sleep", "1000")
    now = look(engine).leaks(clean)
    assert not now.keys() & {"tasks", "containers"}
    assert [line for line in now["processes"] if "shim" in line] == []
    (keeper,) = engine.keepers()
    status = Path(f"/proc/{engine.inspect(ident)['State']['Pid']}/status").read_text()
    assert f"PPid:\t{keeper}\n" in status


@pytest.mark.parametrize("runtime", [*RUNTIMES, "runc"])
def test_no_signal_is_ignored_in_a_container(engine: Engine, runtime: str) -> None:
    status = engine.ok("run", "--rm", "--runtime", runtime, IMAGE, "cat", "/proc/self/status")
    assert ("SigIgn:\t0000000000000000" in status, "SigBlk:\t0000000000000000" in status) == (True, True), status


def test_a_kept_filter_confines_as_the_compiled_one(engine: Engine) -> None:
    """The second start takes the filter that the first one has compiled."""
    script = "grep -w Seccomp /proc/self/status; unshare -m true 2>&1; mount -t tmpfs x /mnt 2>&1; date -s 0 2>&1"
    first, second = (engine.docker("run", "--rm", IMAGE, "sh", "-c", script).stdout for _ in range(2))
    assert first == second
    assert b"Seccomp:\t2" in first
    free = engine.docker("run", "--rm", "--security-opt", "seccomp=unconfined", IMAGE, "sh", "-c", script)
    assert free.stdout != first
    engine.ok("run", "--name", "bundle", "-d", IMAGE, "sleep", "1000")
    (bundle,) = (engine.exec / "c").glob("*/*/config.json")
    assert "run.oci.seccomp_bpf_data" in json.loads(bundle.read_text())["annotations"]


def test_an_exit_while_the_daemon_is_down(engine: Engine) -> None:
    script = "echo early; while [ ! -e /go ]; do usleep 1000; done; echo late; exit 7"
    ident = engine.ok("run", "-d", IMAGE, "sh", "-c", script)
    follow_until(engine, ident, "early")
    pid = engine.inspect(ident)["State"]["Pid"]
    engine.kill()
    Path(f"/proc/{pid}/root/go").touch()
    (run,) = (engine.exec / "c" / ident).iterdir()
    wait_until_exists(run / "exit.json")
    engine.start("--live-restore")
    assert engine.ok("wait", ident) == "7"
    assert engine.ok("logs", ident).splitlines() == ["early", "late"]
    assert cause(engine, ident) == "exit status 7"


def test_a_dead_keeper_takes_its_container_along(engine: Engine, clean: Look) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sh", "-c", "sleep 1000 & sleep 1000")
    (keeper,) = engine.keepers()
    os.kill(keeper, signal.SIGKILL)
    assert engine.ok("wait", ident) == "137"
    assert cause(engine, ident) == "its keeper died, and with it the container"
    engine.ok("start", ident)
    engine.ok("rm", "-f", ident)
    assert_no_leaks(engine, clean)


def test_a_dead_keeper_while_the_daemon_is_down(engine: Engine, clean: Look) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    (keeper,) = engine.keepers()
    engine.kill()
    os.kill(keeper, signal.SIGKILL)
    engine.start("--live-restore")
    assert engine.ok("wait", ident) == "137"
    engine.ok("rm", ident)
    assert_no_leaks(engine, clean)


def test_what_an_exec_sends_to_its_process_group_stays_inside(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    keepers = engine.keepers()
    engine.docker("exec", ident, "sh", "-c", "kill -9 0")
    assert engine.ok("exec", ident, "echo", "well") == "well"
    assert engine.keepers() == keepers


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_checkpoint_that_fails_is_said_in_the_runtimes_words(engine: Engine, runtime: str) -> None:
    """CRIU and the kernel do not fit, or the runtime was built without it; the container runs on."""
    engine.kill()
    engine.start("--live-restore", "--experimental")
    ident = engine.ok("run", "-d", "--runtime", runtime, IMAGE, "sleep", "1000")
    done = engine.docker("checkpoint", "create", "--leave-running", ident, "one")
    if done.returncode:
        words = f"Cannot checkpoint container {ident}: OCI runtime checkpoint failed: "
        assert words.encode() in done.stderr, done.stderr
        assert any(said in done.stderr for said in (b"criu failed: type", b"unknown command checkpoint")), done.stderr
        assert engine.ok("checkpoint", "ls", ident).split() == ["CHECKPOINT", "NAME"]
    assert engine.ok("exec", ident, "echo", "unharmed") == "unharmed"
