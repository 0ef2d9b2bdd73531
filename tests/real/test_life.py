"""A container's life by hand: create, start, stop, kill, wait, rm, and how ps and inspect show it."""

import json
import re

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine


def statuses(engine: Engine, ident: str) -> str:
    return engine.ok("ps", "-a", "--filter", f"id={ident}", "--format", "{{.Status}}")


def test_created_started_exited_removed(engine: Engine) -> None:
    ident = engine.ok("create", "--name", "whole", IMAGE, "sh", "-c", "echo alive; exit 3")
    assert statuses(engine, ident) == "Created"
    assert engine.inspect(ident)["State"]["Status"] == "created"
    done = engine.docker("start", "-a", "whole")
    assert (done.returncode, done.stdout) == (3, b"alive\n")
    assert statuses(engine, ident).startswith("Exited (3) ")
    state = engine.inspect(ident)["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"], state["Running"]) == ("exited", 3, 0, False)
    assert state["StartedAt"] < state["FinishedAt"]
    assert engine.ok("rm", "whole") == "whole"
    assert engine.docker("inspect", ident).returncode == 1


def test_start_of_a_running_one_is_no_error(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    assert engine.ok("start", ident) == ident


def test_restart_by_hand_keeps_the_file_system(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "sh", "-c", "echo x >> /f; wc -l < /f")
    assert [engine.ok("start", "-a", ident) for _ in range(3)] == ["1", "2", "3"]


def test_stop_sends_the_stop_signal_and_waits(engine: Engine) -> None:
    script = "trap 'echo got it; exit 9' USR1; echo ready; while :; do sleep 0.05; done"
    ident = engine.ok("run", "-d", "--stop-signal", "USR1", IMAGE, "sh", "-c", script)
    follow_until(engine, ident, "ready")
    assert engine.ok("stop", ident) == ident
    assert engine.inspect(ident)["State"]["ExitCode"] == 9
    assert engine.ok("logs", ident).splitlines() == ["ready", "got it"]
    assert engine.ok("stop", ident) == ident


def test_stop_kills_after_the_grace(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    follow_until(engine, ident, "ready")
    engine.ok("stop", "-t", "1", ident)
    assert engine.inspect(ident)["State"]["ExitCode"] == 137


@pytest.mark.parametrize(("signal", "code"), [("KILL", 137), ("TERM", 143), ("9", 137)])
def test_kill(engine: Engine, signal: str, code: int) -> None:
    ident = engine.ok("run", "-d", "--init", IMAGE, "sleep", "1000")
    engine.ok("kill", "-s", signal, ident)
    assert engine.ok("wait", ident) == str(code)
    done = engine.docker("kill", ident)
    assert done.returncode == 1
    assert f"container {ident} is not running" in done.stderr.decode()


def test_wait_before_and_after_the_exit(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "-i", IMAGE, "sh", "-c", "read line; exit 5")
    waiting = engine.popen("wait", ident)
    engine.feed(ident, b"go\n")
    assert waiting.communicate(timeout=30)[0] == b"5\n"
    assert engine.ok("wait", ident) == "5"


def test_remove(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--name", "busy", IMAGE, "sleep", "1000")
    done = engine.docker("rm", "busy")
    assert done.returncode == 1
    words = 'cannot remove container "busy": container is running: stop the container before removing or force remove'
    assert words in done.stderr.decode()
    assert engine.ok("rm", "-f", "busy") == "busy"
    assert engine.ok("ps", "-aq", "--filter", f"id={ident}") == ""
    assert engine.docker("rm", "busy").returncode == 1


def test_run_rm_leaves_no_record(engine: Engine) -> None:
    engine.ok("run", "--rm", "--name", "brief", IMAGE, "true")
    assert engine.ok("ps", "-aq") == ""


def test_ps_filters(engine: Engine) -> None:
    up = engine.ok("run", "-d", "--name", "up-one", "-l", "team=a", IMAGE, "sleep", "1000")
    down = engine.ok("create", "--name", "down-one", "-l", "team=b", IMAGE, "sh", "-c", "exit 2")
    assert engine.docker("start", "-a", down).returncode == 2

    def ids(*filters: str) -> set[str]:
        flags = [part for text in filters for part in ("--filter", text)]
        return set(engine.ok("ps", "-a", "--no-trunc", "-q", *flags).split())

    assert ids("status=running") == {up}
    assert ids("status=exited") == {down}
    assert ids("exited=2") == {down}
    assert ids("label=team") == {up, down}
    assert ids("label=team=b") == {down}
    assert ids("name=up-") == {up}
    assert ids("ancestor=busybox") == {up, down}
    assert ids("before=down-one") == {up}
    assert ids("since=up-one") == {down}
    assert engine.docker("ps", "--filter", "nonsense=1").returncode == 1


def test_inspect_of_a_running_one(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--name", "seen", "-e", "A=b", IMAGE, "sleep", "1000")
    found = engine.inspect("seen")
    assert found["Name"] == "/seen"
    assert found["Path"] == "sleep"
    assert found["Args"] == ["1000"]
    assert "A=b" in found["Config"]["Env"]
    assert found["State"]["Pid"] > 0
    assert re.fullmatch(r"172\.\d+\.0\.\d+", found["NetworkSettings"]["Networks"]["bridge"]["IPAddress"])
    for key in ("HostnamePath", "HostsPath", "ResolvConfPath", "LogPath"):
        assert ident in found[key]
    assert engine.ok("inspect", "-s", "-f", "{{.SizeRw}}", ident).isdecimal()


def test_top_level_events(engine: Engine) -> None:
    since = engine.ok("info", "-f", "{{.SystemTime}}")
    ident = engine.ok("run", "-d", "--name", "loud", IMAGE, "sleep", "1000")
    engine.ok("kill", ident)
    engine.ok("wait", ident)
    engine.ok("rm", ident)
    until = engine.ok("info", "-f", "{{.SystemTime}}")
    lines = engine.ok("events", "--since", since, "--until", until, "--format", "{{json .}}").splitlines()
    events = [json.loads(line) for line in lines]
    mine = [e["Action"] for e in events if e["Type"] == "container" and e["Actor"]["ID"] == ident]
    assert mine == ["create", "start", "kill", "die", "destroy"]
    networks = [
        e["Action"] for e in events if e["Type"] == "network" and e["Actor"]["Attributes"]["container"] == ident
    ]
    assert networks == ["connect", "disconnect"]


def follow_until(engine: Engine, ident: str, text: str) -> None:
    """Follow the log until a line has come."""
    with engine.popen("logs", "-f", ident) as follower:
        assert follower.stdout is not None
        for line in follower.stdout:
            if text in line.decode():
                follower.kill()
                return
    raise AssertionError(f"{text!r} never came\n{engine.tail()}")
