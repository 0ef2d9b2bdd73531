"""Receipts: why a run ended and what it used, in inspect and for a person."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.test_life import follow_until
from tests.real.test_oom import HOG

WHERRY = str(Path(sys.executable).with_name("wherry"))
TRAP = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"
WORK = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null"


def end(engine: Engine, ident: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.inspect(ident)["Wherry"]["End"]
    return found


def explained(engine: Engine, ident: str) -> str:
    command = [WHERRY, "explain", "-H", engine.host, ident]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def test_what_a_run_used(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "sh", "-c", WORK)
    engine.ok("start", "-a", ident)
    used = end(engine, ident)["Usage"]
    assert used["CpuMilliseconds"] > 20
    assert used["CpuUserMilliseconds"] > 0
    assert used["PeakMemoryBytes"] > 8 << 20
    assert used["ReadBytes"] >= 0
    assert f"CPU {used['CpuMilliseconds']:.1f} ms" in explained(engine, ident)


def test_exit_and_signal(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "sh", "-c", "exit 3")
    assert engine.docker("start", "-a", ident).returncode == 3
    assert (end(engine, ident)["Kind"], end(engine, ident)["Cause"]) == ("exit", "exit status 3")
    other = engine.ok("run", "-d", IMAGE, "sh", "-c", TRAP)
    follow_until(engine, other, "ready")
    engine.ok("stop", other)
    assert end(engine, other)["Kind"] == "exit"
    assert end(engine, other)["Cause"] == "exit status 7"


def test_the_victim_of_the_memory_killer(engine: Engine) -> None:
    limits = ("-m", "16m", "--memory-swap", "16m")
    ident = engine.ok("create", *limits, IMAGE, "sh", "-c", HOG)
    assert engine.docker("start", "-a", ident).returncode == 137
    found = end(engine, ident)
    assert found["Kind"] == "oom"
    assert found["Usage"]["PeakMemoryBytes"] <= 16 << 20
    assert "out of memory: the kernel killed sh (pid " in found["Cause"]


def test_a_failed_start_says_step_object_and_remedy_but_no_secret(engine: Engine) -> None:
    ident = engine.ok("create", "-e", "TOKEN=hunter2hunter2", IMAGE, "/hunter2hunter2")
    done = engine.docker("start", ident)
    assert done.returncode != 0
    text = done.stderr.decode()
    assert "(step task, command /hunter2hunter2: check the command" in text
    assert "no such file or directory" in text
    shown = engine.inspect(ident)
    assert shown["State"]["ExitCode"] == 127
    assert shown["Wherry"]["Start"]["FailedStep"] == "task"
    assert "hunter2" not in json.dumps(shown["Wherry"])
    assert "hunter2" not in explained(engine, ident)


def test_the_engine_stopped_it(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", "--network", "none", IMAGE, "sh", "-c", TRAP)
    follow_until(own, ident, "ready")
    own.stop()
    own.start()
    assert end(own, ident)["Cause"] == "stopped by the engine: exit status 7"
    own.remove_all()
