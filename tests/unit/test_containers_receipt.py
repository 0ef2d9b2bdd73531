from typing import Any

import msgspec
import pytest

from tests.unit.records import record
from wherry.base.errors import System
from wherry.containers.receipt import cause, receipt, server_timing
from wherry.containers.remedy import _ROWS, DEFAULT, advise, remedy
from wherry.containers.secrets import MASK, masked
from wherry.main.explain import explain
from wherry.model.container import ContainerConfig, HostConfig, LogConfig
from wherry.model.usage import Usage
from wherry.state.record import Ending, Phase, Receipt, Record

STARTED = Receipt(steps={"rootfs": 1500, "task": 60000}, total=70000)
FAILED = Receipt(steps={"rootfs": 1500}, total=2000, failed="task")
CLIENTS_MATCH_ON = (
    "executable file not found", "no such file or directory", "system cannot find the file specified",
    "permission denied", "is a directory",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rec", "kind", "words"),
    [
        (record(exit_code=0), "exit", "exit status 0"),
        (record(exit_code=3), "exit", "exit status 3"),
        (record(exit_code=137), "signal", "signal 9 (SIGKILL)"),
        (record(exit_code=143, manually_stopped=True), "signal", "signal 15 (SIGTERM), sent by hand"),
        (record(exit_code=255), "exit", "exit status 255"),
        (
            record(exit_code=255, end=Ending(unseen=True)),
            "unseen",
            "nobody saw it end: the engine, containerd or the machine was down",
        ),
        (
            record(exit_code=143, end=Ending(by_engine=True)),
            "engine",
            "stopped by the engine: signal 15 (SIGTERM)",
        ),
        (record(exit_code=0, end=Ending(by_engine=True)), "engine", "stopped by the engine: exit status 0"),
        (
            record(exit_code=137, oom_killed=True),
            "oom",
            "out of memory: the kernel killed a process of it; exit status 137",
        ),
        (
            record(exit_code=137, oom_killed=True, end=Ending(victim="sh (pid 7)")),
            "oom",
            "out of memory: the kernel killed sh (pid 7); exit status 137",
        ),
    ],
)
def test_causes(rec: Record, kind: str, words: str) -> None:
    assert cause(rec) == (kind, words)


def test_a_receipt() -> None:
    assert receipt(record()) == {}
    running = record(phase=Phase.RUNNING, receipt=STARTED)
    assert receipt(running)["Start"]["Steps"][1] == {"Name": "task", "Milliseconds": 60.0}
    assert "End" not in receipt(running)
    end = receipt(ended())["End"]
    assert end == {"Kind": "exit", "Cause": "exit status 0", "Seconds": 2.0, "Usage": None}
    assert server_timing(running) == "rootfs;dur=1.5, task;dur=60.0"


def test_what_a_run_used() -> None:
    used = Usage(cpu_total=3_000_000, cpu_user=1_000_000, memory_peak=1 << 20, read_bytes=0)
    shown = receipt(ended(end=Ending(usage=used)))
    assert shown["End"]["Usage"] == {
        "CpuMilliseconds": 3.0, "CpuUserMilliseconds": 1.0, "CpuSystemMilliseconds": None,
        "PeakMemoryBytes": 1 << 20, "ReadBytes": 0, "WriteBytes": None,
    }  # fmt: skip
    assert explain(found(shown))[-1] == "It used CPU 3.0 ms, user 1.0; peak memory 1.0 MiB; read 0.0 MiB."


def test_a_failed_start_is_no_end() -> None:
    failed = ended(receipt=FAILED, error='exec: "x": executable file not found in $PATH', exit_code=127)
    shown = receipt(failed)
    assert "End" not in shown
    start = shown["Start"]
    assert (start["Kind"], start["FailedStep"], start["Object"]) == ("runtime", "task", "command true")
    lines = explain(found(shown))
    assert lines[-2].startswith("It failed at step task, command true: exec:")
    assert lines[-1] == "What helps: check the command and the PATH of the image."


def test_secrets_never_appear() -> None:
    config = ContainerConfig(image="busybox", env=["TOKEN=hunter2", "LONG=hunter2hunter2", "PATH=/bin", "EMPTY"])
    log = LogConfig(type="splunk", config={"splunk-token": "s3cret"})
    rec = ended(
        receipt=FAILED,
        error="exec hunter2 with s3cret and hunter2hunter2 in /bin",
        path="hunter2",
        config=config,
        host_config=HostConfig(network_mode="none", log_config=log),
    )
    shown = receipt(rec)
    for text in (str(shown), "\n".join(explain(found(shown)))):
        assert "hunter2" not in text
        assert "s3cret" not in text
    assert masked("in /bin", rec) == "in /bin"
    assert shown["Start"]["Object"] == f"command {MASK}"


def test_a_remedy_follows_the_words() -> None:
    error = System("Bind for 0.0.0.0:80 failed: port is already allocated")
    advise(error, record(), "endpoints")
    assert str(error) == (
        "Bind for 0.0.0.0:80 failed: port is already allocated "
        "(step endpoints, network none: stop the container that has the port, or publish another one)"
    )
    foreign = OSError("x")
    advise(foreign, record(), "endpoints")
    assert str(foreign) == "x"
    assert remedy(record(), "netns", "x") == ("container boat", DEFAULT)
    assert "free some space" in remedy(record(), "rootfs", "x: No space left on device")[1]


def test_no_remedy_holds_words_that_clients_match_on() -> None:
    for _, _, advice in _ROWS:
        assert not [words for words in CLIENTS_MATCH_ON if words in advice]


def test_old_records_load() -> None:
    stored = msgspec.to_builtins(record())
    del stored["end"]
    assert msgspec.convert(stored, Record).end == Ending()


def test_what_is_printed() -> None:
    lines = explain(found(receipt(ended())))
    assert lines[0] == "boat  aaaaaaaaaaaa  exited  busybox"
    assert lines[3] == f"  task           60.0 ms  {'#' * 40}"
    assert lines[-1] == "Its run ended after 2.000 s: exit status 0."
    assert explain(found({}))[-1] == "It was never started."


def ended(**changes: Any) -> Record:
    whole = {"phase": Phase.EXITED, "receipt": STARTED, "started_at": 10**9, "finished_at": 3 * 10**9, **changes}
    return record(**whole)


def found(shown: dict[str, Any]) -> dict[str, Any]:
    state = {"Status": "exited", "Error": ""}
    return {"Name": "/boat", "Id": "a" * 64, "State": state, "Config": {"Image": "busybox"}, "Wherry": shown}
