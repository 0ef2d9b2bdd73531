"""Pausing, restarting by hand, and restart policies."""

import json
import os
import signal

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.test_life import follow_until

TICK = "while :; do echo tick; usleep 10000; done"


def state(engine: Engine, ident: str) -> dict[str, object]:
    found: dict[str, object] = engine.inspect(ident)["State"]
    return found


def test_pause_and_unpause(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--name", "still", IMAGE, "sh", "-c", TICK)
    follow_until(engine, ident, "tick")
    assert engine.ok("pause", ident) == ident
    assert state(engine, ident)["Status"] == "paused"
    assert "(Paused)" in engine.ok("ps", "--filter", "status=paused", "--format", "{{.Status}}")
    before = len(engine.ok("logs", ident))
    assert len(engine.ok("logs", ident)) == before
    for refused, words in {
        ("pause", ident): f"Container {ident} is already paused",
        ("start", ident): "cannot start a paused container, try unpause instead",
        ("rm", "still"): 'cannot remove container "still": container is paused and must be unpaused first',
        ("exec", ident, "true"): f"Container {ident} is paused, unpause the container before exec",
    }.items():
        done = engine.docker(*refused)
        assert done.returncode == 1
        assert words in done.stderr.decode()
    engine.ok("unpause", ident)
    assert state(engine, ident)["Status"] == "running"
    follow_until(engine, ident, "tick")
    assert f"Container {ident} is not paused" in engine.docker("unpause", ident).stderr.decode()


@pytest.mark.parametrize("end", [("stop", "-t", "5"), ("kill",), ("rm", "-f")])
def test_the_end_of_a_paused_one(engine: Engine, end: tuple[str, ...]) -> None:
    script = "trap 'exit 0' TERM; echo ready; while :; do usleep 10000; done"
    ident = engine.ok("run", "-d", IMAGE, "sh", "-c", script)
    follow_until(engine, ident, "ready")
    engine.ok("pause", ident)
    engine.ok(*end, ident)
    if end[0] != "rm":
        assert state(engine, ident)["Status"] == "exited"


def test_restart_by_hand(engine: Engine) -> None:
    script = "trap 'exit 0' TERM; echo ready; while :; do usleep 10000; done"
    ident = engine.ok("run", "-d", "--rm", IMAGE, "sh", "-c", script)
    follow_until(engine, ident, "ready")
    pid = state(engine, ident)["Pid"]
    assert engine.ok("restart", ident) == ident
    assert state(engine, ident)["Pid"] != pid
    assert engine.inspect(ident)["RestartCount"] == 0
    engine.ok("stop", "-t", "5", ident)
    follow_end(engine, ident, "destroy", 1)
    assert engine.docker("inspect", ident).returncode == 1
    assert engine.docker("restart", "absent").returncode == 1


def test_restart_starts_what_has_ended(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "echo", "once")
    engine.ok("restart", ident)
    engine.ok("wait", ident)
    engine.ok("restart", ident)
    engine.ok("wait", ident)
    assert engine.ok("logs", ident).split() == ["once", "once"]


def test_on_failure_gives_up(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--restart", "on-failure:2", IMAGE, "sh", "-c", "echo try; exit 3")
    follow_end(engine, ident, "die", 3)
    found = engine.inspect(ident)
    assert (found["State"]["Status"], found["State"]["ExitCode"], found["RestartCount"]) == ("exited", 3, 2)
    assert engine.ok("logs", ident).split() == ["try"] * 3


def test_on_failure_leaves_a_success_alone(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--restart", "on-failure", IMAGE, "true")
    engine.ok("wait", ident)
    assert state(engine, ident)["Status"] == "exited"


def test_always_until_stopped(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--restart", "always", IMAGE, "sh", "-c", "echo run; exit 0")
    follow_end(engine, ident, "start", 3)
    engine.ok("stop", ident)
    assert state(engine, ident)["Status"] == "exited"
    engine.ok("start", ident)
    follow_end(engine, ident, "die", 1)
    assert engine.ok("rm", "-f", ident) == ident


def follow_end(engine: Engine, ident: str, action: str, count: int) -> None:
    """Wait until a container has had that many events of a kind, past ones counted."""
    filters = ("--filter", f"container={ident}", "--filter", f"event={action}", "--format", "{{json .}}")
    with engine.popen("events", "--since", "1h", *filters) as events:
        assert events.stdout is not None
        for line in events.stdout:
            count -= json.loads(line)["Action"] == action
            if count <= 0:
                break
        events.kill()


@pytest.mark.parametrize(
    ("policy", "stopped", "comes_back"),
    [("always", False, True), ("always", True, True), ("unless-stopped", False, True), ("unless-stopped", True, False)],
)
@pytest.mark.parametrize("crash", [False, True])
def test_policy_at_the_next_boot(own: Engine, policy: str, stopped: bool, comes_back: bool, crash: bool) -> None:
    own.start()
    own.load_demo(IMAGE)
    script = "trap 'exit 0' TERM; echo ready; while :; do usleep 10000; done"
    ident = own.ok("run", "-d", "--restart", policy, IMAGE, "sh", "-c", script)
    follow_until(own, ident, "ready")
    if stopped:
        own.ok("stop", ident)
    if crash:
        own.kill()
    else:
        assert own.stop() == 0
    own.start()
    if comes_back:
        follow_end(own, ident, "start", 1)
        assert state(own, ident)["Status"] == "running"
    else:
        assert state(own, ident)["Status"] == "exited"


def test_a_stop_during_the_back_off_is_kept(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", "--restart", "unless-stopped", IMAGE, "false")
    follow_end(own, ident, "die", 5)
    own.ok("stop", ident)
    assert state(own, ident)["Status"] == "exited"
    own.kill()
    own.start()
    own.ok("run", "--rm", IMAGE, "true")  # what the policy would start at boot was begun before this
    asked = ("--filter", f"container={ident}", "--format", "{{.Action}}")
    assert own.ok("events", "--since", "1h", "--until", own.ok("info", "-f", "{{.SystemTime}}"), *asked) == ""
    assert state(own, ident)["Status"] == "exited"


def test_a_paused_one_outlives_the_daemon(own: Engine) -> None:
    own.start("--live-restore")
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", IMAGE, "sh", "-c", TICK)
    own.ok("pause", ident)
    own.kill()
    own.start("--live-restore")
    assert state(own, ident)["Status"] == "paused"
    own.ok("unpause", ident)
    follow_until(own, ident, "tick")
    own.ok("rm", "-f", ident)


def test_weak_09_a_start_by_policy_that_fails_is_tried_again(engine: Engine) -> None:
    """The source of a mount is late: Docker gives up at once."""
    source = engine.root / "late"
    source.mkdir()
    mount = f"type=bind,src={source},dst=/late"
    ident = engine.ok("run", "-d", "--restart", "always", "--mount", mount, IMAGE, "sleep", "1000")
    source.rmdir()
    seen = engine.log.stat().st_size
    os.kill(engine.inspect(ident)["State"]["Pid"], signal.SIGKILL)
    engine.wait_log(f"container {ident}: not restarted, to be tried again", count=3, since=seen)
    found = state(engine, ident)
    assert found["Status"] == "restarting"
    assert "bind source path does not exist" in str(found["Error"])
    source.mkdir()
    engine.wait_log(f"start {ident}: ", since=seen)
    assert state(engine, ident)["Status"] == "running"
    source.rmdir()
    seen = engine.log.stat().st_size
    os.kill(engine.inspect(ident)["State"]["Pid"], signal.SIGKILL)
    engine.wait_log(f"container {ident}: not restarted, to be tried again", since=seen)
    engine.ok("stop", ident)
    assert state(engine, ident)["Status"] == "exited"
    assert "bind source path does not exist" in engine.docker("start", ident).stderr.decode()
    assert state(engine, ident)["Status"] == "exited"
