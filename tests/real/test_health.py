"""Health checks: the status, its words in ps and inspect, events, timeouts, pauses, and that no probe is left."""

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.test_life import follow_until
from wherry.host.facts import GO_ARCHITECTURES
from wherry.main.demo import find_busybox, make_archive, make_layer

SLEEP = "trap 'exit 0' TERM; echo ready; while :; do usleep 10000; done"
SOON = ("--health-interval", "100ms")


def begin(engine: Engine, command: str, *options: str) -> str:
    """Run a container with a check that is made often."""
    ident = engine.ok("run", "-d", "--health-cmd", command, *SOON, *options, IMAGE, "sh", "-c", SLEEP)
    follow_until(engine, ident, "ready")
    return ident


def health(engine: Engine, ident: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.inspect(ident)["State"]["Health"]
    return found


def text(engine: Engine, ident: str) -> str:
    return engine.ok("ps", "-a", "--filter", f"id={ident}", "--format", "{{.Status}}")


def found(engine: Engine, status: str) -> list[str]:
    return engine.ok("ps", "-a", "--no-trunc", "--filter", f"health={status}", "--format", "{{.ID}}").split()


def told(engine: Engine, ident: str, until: str, count: int = 1) -> list[str]:
    """Return the actions of a container up to the one that is waited for, past ones counted."""
    seen: list[str] = []
    filters = ("--filter", f"container={ident}", "--format", "{{json .}}")
    with engine.popen("events", "--since", "1h", *filters) as events:
        assert events.stdout is not None
        for line in events.stdout:
            seen.append(json.loads(line)["Action"])
            count -= seen[-1].startswith(until)
            if count <= 0:
                break
        events.kill()
    return seen


def test_becomes_healthy(engine: Engine) -> None:
    ident = begin(engine, "echo out; echo err >&2")
    actions = told(engine, ident, "health_status")
    probe = ["exec_create: /bin/sh -c echo out; echo err >&2", "exec_start: /bin/sh -c echo out; echo err >&2"]
    assert actions == ["create", "start", *probe, "exec_die", "health_status: healthy"]
    shown = health(engine, ident)
    assert (shown["Status"], shown["FailingStreak"]) == ("healthy", 0)
    assert shown["Log"][0]["ExitCode"] == 0
    assert sorted(shown["Log"][0]["Output"].split()) == ["err", "out"]
    assert shown["Log"][0]["Start"] < shown["Log"][0]["End"]
    assert text(engine, ident).endswith(" (healthy)")
    assert ident in found(engine, "healthy")
    engine.ok("stop", ident)
    assert health(engine, ident)["Status"] == "healthy"
    assert text(engine, ident).startswith("Exited (0)")


def test_starts_then_becomes_unhealthy_then_heals(engine: Engine) -> None:
    ident = begin(engine, "test -f /fine", "--health-retries", "2")
    assert told(engine, ident, "health_status")[-1] == "health_status: unhealthy"
    shown = health(engine, ident)
    assert (shown["Status"], shown["FailingStreak"] >= 2, shown["Log"][0]["ExitCode"]) == ("unhealthy", True, 1)
    assert text(engine, ident).endswith(" (unhealthy)")
    assert ident in found(engine, "unhealthy")
    engine.ok("exec", ident, "touch", "/fine")
    assert told(engine, ident, "health_status", 2)[-1] == "health_status: healthy"


def test_is_starting_in_its_start_period(engine: Engine) -> None:
    options = ("--health-start-period", "1h", "--health-start-interval", "50ms", "--health-retries", "1")
    ident = begin(engine, "test -f /fine", *options, "--health-interval", "1h")
    told(engine, ident, "exec_die", 3)
    shown = health(engine, ident)
    assert (shown["Status"], shown["FailingStreak"]) == ("starting", 0)
    assert text(engine, ident).endswith(" (health: starting)")
    assert ident in found(engine, "starting")
    engine.ok("exec", ident, "touch", "/fine")
    assert told(engine, ident, "health_status")[-1] == "health_status: healthy"


def test_without_a_check(engine: Engine) -> None:
    for options in ((), ("--no-healthcheck",)):
        ident = engine.ok("run", "-d", *options, IMAGE, "sleep", "1000")
        assert "Health" not in engine.inspect(ident)["State"]
        assert "(" not in text(engine, ident)
        assert ident in found(engine, "none")


def test_a_probe_that_takes_too_long_is_killed(engine: Engine) -> None:
    ident = begin(engine, "echo slow; exec sleep 1000", "--health-timeout", "300ms", "--health-retries", "1")
    assert told(engine, ident, "health_status")[-1] == "health_status: unhealthy"
    first = health(engine, ident)["Log"][0]
    assert (first["ExitCode"], first["Output"]) == (-1, "Health check exceeded timeout (300ms): slow\n")


def load_checked(engine: Engine, name: str, check: dict[str, Any]) -> None:
    """Load an image with a health check of its own."""
    binary = find_busybox()
    layer = make_layer(Path(binary).read_bytes(), ["sh", "sleep"])
    config = {"Cmd": ["sleep", "1000"], "Env": ["PATH=/bin"], "Healthcheck": check}
    engine.ok("load", stdin=make_archive(name, config, layer, GO_ARCHITECTURES[platform.machine()]))


def test_the_check_of_an_image_that_cannot_run(engine: Engine) -> None:
    load_checked(engine, "checked:1", {"Test": ["CMD", "/absent"], "Interval": 10**8, "Retries": 1})
    ident = engine.ok("create", "checked:1")
    assert "Health" not in engine.inspect(ident)["State"]
    engine.ok("start", ident)
    assert told(engine, ident, "health_status")[-1] == "health_status: unhealthy"
    first = health(engine, ident)["Log"][0]
    assert first["ExitCode"] == -1
    assert 'exec: "/absent": stat /absent: no such file or directory' in first["Output"]
    without = engine.ok("run", "-d", "--no-healthcheck", "checked:1")
    assert "Health" not in engine.inspect(without)["State"]
    engine.ok("rm", "-f", ident, without)
    engine.ok("rmi", "checked:1")


def test_long_output_is_cut(engine: Engine) -> None:
    ident = begin(engine, "yes | head -c 1000000; exit 0")
    told(engine, ident, "health_status: healthy")
    output = health(engine, ident)["Log"][0]["Output"]
    assert output == "y\n" * 2048 + "..."


def test_a_pause_stops_probes(engine: Engine) -> None:
    ident = begin(engine, "true")
    told(engine, ident, "health_status: healthy")
    engine.ok("pause", ident)
    assert text(engine, ident).endswith(" (Paused)")
    assert health(engine, ident)["Status"] == "healthy"
    assert ident in found(engine, "healthy")
    engine.ok("unpause", ident)
    told(engine, ident, "exec_die", 2)
    assert health(engine, ident)["Status"] == "healthy"


@pytest.mark.parametrize("end", [("kill",), ("rm", "-f"), ("stop", "-t", "5"), ("pause",)])
def test_the_end_while_a_probe_runs(engine: Engine, end: tuple[str, ...]) -> None:
    ident = begin(engine, "sleep 1000")
    told(engine, ident, "exec_start")
    engine.ok(*end, ident)
    if end[0] != "rm":
        assert health(engine, ident)["Status"] == "starting"
        assert engine.inspect(ident)["ExecIDs"] is None
    if end[0] in ("kill", "stop"):
        engine.ok("start", ident)
        assert health(engine, ident)["Status"] == "starting"


def test_health_is_taken_up_by_the_next_daemon(own: Engine) -> None:
    own.start("--live-restore")
    own.load_demo(IMAGE)
    ident = begin(own, "true")
    told(own, ident, "health_status: healthy")
    own.kill()
    own.start("--live-restore")
    assert told(own, ident, "health_status")[-1] == "health_status: healthy"
    own.ok("rm", "-f", ident)
