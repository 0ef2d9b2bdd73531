import pytest

from tests.unit.records import record
from wherry.containers.receipt import cause, receipt, server_timing
from wherry.main.explain import explain
from wherry.state.record import Phase, Receipt, Record

STARTED = Receipt(steps={"rootfs": 1500, "task": 60000}, total=70000)


@pytest.mark.parametrize(
    ("rec", "words"),
    [
        (record(exit_code=0), "exit status 0"),
        (record(exit_code=3), "exit status 3"),
        (record(exit_code=137), "signal 9 (SIGKILL)"),
        (record(exit_code=143, manually_stopped=True), "signal 15 (SIGTERM), sent by hand"),
        (record(exit_code=255), "exit status 255"),
        (record(exit_code=137, oom_killed=True), "out of memory: the kernel killed a process of it; exit status 137"),
    ],
)
def test_causes(rec: Record, words: str) -> None:
    assert cause(rec) == words


def test_a_receipt() -> None:
    assert receipt(record()) == {}
    running = record(phase=Phase.RUNNING, receipt=STARTED)
    assert receipt(running)["Start"]["Steps"][1] == {"Name": "task", "Milliseconds": 60.0}
    assert "End" not in receipt(running)
    ended = record(phase=Phase.EXITED, receipt=STARTED, started_at=10**9, finished_at=3 * 10**9)
    assert receipt(ended)["End"] == {"Cause": "exit status 0", "Seconds": 2.0}
    assert server_timing(running) == "rootfs;dur=1.5, task;dur=60.0"


def test_what_is_printed() -> None:
    ended = record(phase=Phase.EXITED, receipt=STARTED, started_at=10**9, finished_at=3 * 10**9)
    found = {
        "Name": "/boat",
        "Id": "a" * 64,
        "State": {"Status": "exited", "Error": ""},
        "Config": {"Image": "busybox"},
    }
    lines = explain(found | {"Wherry": receipt(ended)})
    assert lines[0] == "boat  aaaaaaaaaaaa  exited  busybox"
    assert lines[3] == f"  task           60.0 ms  {'#' * 40}"
    assert lines[-1] == "Its run ended after 2.000 s: exit status 0."
    assert explain(found)[-1] == "It was never started."
