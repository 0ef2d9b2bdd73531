"""The order of events per verb, generated from a table (start.md 8.2): state, then the event, then who waits."""

import json
from typing import Any

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.orders import CREATED, GONE, JOIN, MOUNT, ORDERS, STARTED, STOPPED, Told
from tests.real.test_life import follow_until

LABELS = {"exitCode": "hidden", "signal": "hidden", "execID": "hidden", "image": "hidden", "mine": "kept"}


def told(engine: Engine, since: str) -> list[dict[str, Any]]:
    """All events since a moment, up to now."""
    until = engine.ok("info", "--format", "{{.SystemTime}}")
    lines = engine.ok("events", "--since", since, "--until", until, "--format", "{{json .}}").splitlines()
    return [json.loads(line) for line in lines]


def assert_told(events: list[dict[str, Any]], wanted: tuple[Told, ...]) -> None:
    assert [(event["Type"], event["Action"]) for event in events] == [(kind, action) for kind, action, _ in wanted]
    for event, (kind, action, own) in zip(events, wanted, strict=True):
        shown = event["Actor"]["Attributes"]
        for key, value in own.items():
            assert shown[key] == value or (value == "*" and len(shown[key]) == 64), (kind, action, key, shown)
        if kind == "container":
            assert (shown["image"], shown["mine"]) == (IMAGE, "kept")


@pytest.mark.parametrize("verb", ORDERS)
def test_order(engine: Engine, verb: str) -> None:
    script, commands, wanted = ORDERS[verb]
    since = engine.ok("info", "--format", "{{.SystemTime}}")
    labels = [word for key, value in LABELS.items() for word in ("--label", f"{key}={value}")]
    engine.ok("volume", "create", "orders")
    ident = engine.ok("create", "--name", "xx", "-v", "orders:/v", *labels, IMAGE, "sh", "-c", script)
    engine.ok("start", ident)
    if "ready" in script:
        follow_until(engine, ident, "ready")
    for command in commands:
        engine.ok(*command)
    before = (("volume", "create", {"driver": "local"}), CREATED, MOUNT, JOIN, STARTED)
    assert_told(told(engine, since), (*before, *wanted))
    engine.remove_all()
    engine.ok("volume", "rm", "orders")


def test_weak_38_labels_hide_no_attribute(engine: Engine) -> None:
    since = engine.ok("info", "--format", "{{.SystemTime}}")
    labels = ["exitCode=0", "signal=HUP", "image=other", "name=other", "mine=kept"]
    engine.ok("run", "-d", "--name", "xx", *(f"--label={label}" for label in labels), IMAGE, "sleep", "1000")
    engine.ok("kill", "xx")
    engine.ok("wait", "xx")
    events = {e["Action"]: e["Actor"]["Attributes"] for e in told(engine, since) if e["Type"] == "container"}
    assert (events["kill"]["signal"], events["die"]["exitCode"]) == ("9", "137")
    assert all((e["image"], e["name"], e["mine"]) == (IMAGE, "xx", "kept") for e in events.values())


def test_order_of_one_that_removes_itself(engine: Engine) -> None:
    since = engine.ok("info", "--format", "{{.SystemTime}}")
    engine.ok("run", "--rm", "--label", "mine=kept", "-v", "/v", IMAGE, "true")
    found = [(event["Type"], event["Action"]) for event in told(engine, since)]
    assert found == [
        ("volume", "create"), ("container", "create"), ("container", "attach"), ("volume", "mount"),
        ("network", "connect"), ("container", "start"), ("network", "disconnect"), ("volume", "unmount"),
        ("container", "die"), ("volume", "destroy"), ("container", "destroy"),
    ]  # fmt: skip


@pytest.mark.parametrize("verb", ["stop", "kill", "rm -f"])
def test_order_while_it_restarts(engine: Engine, verb: str) -> None:
    ident = engine.ok("create", "--restart", "always", "--label", "mine=kept", IMAGE, "false")
    with engine.popen("events", "--filter", "event=die", "--since", "1", "--format", "{{.ID}}") as events:
        engine.ok("start", ident)
        assert events.stdout is not None
        while engine.inspect(ident)["RestartCount"] < 5:
            assert events.stdout.readline()
        events.kill()
    since = engine.ok("info", "--format", "{{.SystemTime}}")
    engine.ok(*verb.split(), ident)
    wanted: dict[str, tuple[Told, ...]] = {"stop": (STOPPED,), "kill": (), "rm -f": (GONE,)}
    assert_told(told(engine, since), wanted[verb])
    assert engine.docker("stop", ident).returncode == (1 if verb == "rm -f" else 0)
