"""SIGHUP on a running daemon."""

import json
import os
import signal
from typing import Any

from tests.real.engine import Engine


def hangup(engine: Engine, text: str) -> None:
    (engine.root / "daemon.json").write_text(text)
    os.kill(engine.pid, signal.SIGHUP)
    engine.wait_for("RELOADING=1")
    engine.wait_for("READY=1")


def info(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.ok("info", "--format", "{{json .}}"))
    return found


def test_reload(own: Engine) -> None:
    path = own.root / "daemon.json"
    path.write_text('{"labels": ["a=b"]}')
    own.start("--config-file", str(path))
    assert info(own)["Labels"] == ["a=b"]
    good = '{"labels": ["c=d"], "insecure-registries": ["r:5000"], "live-restore": true, "max-concurrent-downloads": 7}'
    hangup(own, good)
    found = info(own)
    assert (found["Labels"], found["LiveRestoreEnabled"]) == (["c=d"], True)
    assert "r:5000" in found["RegistryConfig"]["IndexConfigs"]
    hangup(own, '{"labels": ["e=f"], "nosuch": 1}')
    assert info(own)["Labels"] == ["c=d"]
    own.wait_log("don't match any configuration option: nosuch")
    lines = own.ok("events", "--since", "1", "--until", info(own)["SystemTime"], "--format", "{{json .}}").splitlines()
    (event,) = (json.loads(line) for line in lines)
    assert (event["Type"], event["Action"], event["Actor"]["ID"]) == ("daemon", "reload", found["ID"])
    shown = event["Actor"]["Attributes"]
    assert (shown["labels"], shown["live-restore"], shown["max-concurrent-downloads"]) == ('["c=d"]', "true", "7")


def test_containers_to_come_have_the_new_defaults(own: Engine) -> None:
    path = own.root / "daemon.json"
    path.write_text("{}")
    own.tier = ""  # a flag would forbid the file to name a default runtime
    own.start("--config-file", str(path))
    own.load_demo("busybox")
    old = own.ok("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    mine = {"runtimes": {"mine": {"path": "runc", "runtimeArgs": ["--debug"]}}, "default-runtime": "mine"}
    hangup(own, json.dumps({**mine, "default-shm-size": "8M"}))
    found = info(own)
    assert found["DefaultRuntime"] == "mine"
    assert found["Runtimes"]["mine"]["runtimeArgs"] == ["--debug"]
    size = "df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"
    new = own.ok("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    assert own.inspect(new)["HostConfig"]["Runtime"] == "mine"
    assert own.inspect(old)["HostConfig"]["Runtime"] == "runc"
    assert own.ok("exec", new, "sh", "-c", size) == "8192"
    assert own.ok("exec", old, "sh", "-c", size) == "65536"
    hangup(own, '{"runtimes": {"mine": {}}}')
    own.wait_log("the running one stays")
    assert info(own)["DefaultRuntime"] == "mine"
    own.remove_all()


def test_live_restore_that_was_switched_on_holds_at_the_end(own: Engine) -> None:
    path = own.root / "daemon.json"
    path.write_text("{}")
    own.start("--config-file", str(path))
    own.load_demo("busybox")
    ident = own.ok("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    pid = own.inspect(ident)["State"]["Pid"]
    hangup(own, '{"live-restore": true}')
    own.stop()
    own.start("--config-file", str(path))
    assert own.inspect(ident)["State"]["Pid"] == pid
    own.remove_all()
