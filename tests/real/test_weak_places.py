"""The weak places of dockerd that docs/weak-places.md lists, by their number: what happens here instead."""

import json
import os
import signal
import socket
import threading
import time
from typing import Any

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look
from tests.real.test_health import begin, told
from tests.real.test_life import follow_until

TRAP = "trap 'echo hup' HUP; trap 'exit 5' TERM; echo ready; while :; do usleep 10000; done"


def state(engine: Engine, ident: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.inspect(ident)["State"]
    return found


def ready(engine: Engine, *options: str) -> str:
    """Run a container that tells of SIGHUP and ends at SIGTERM with status 5."""
    ident = engine.ok("run", "-d", *options, IMAGE, "sh", "-c", TRAP)
    follow_until(engine, ident, "ready")
    return ident


def actions(engine: Engine, ident: str, since: str = "1h") -> list[str]:
    """Return what was told of a container so far."""
    until = engine.ok("info", "-f", "{{.SystemTime}}")
    filters = ("--filter", f"container={ident}", "--format", "{{json .}}")
    lines = engine.ok("events", "--since", since, "--until", until, *filters).splitlines()
    return [json.loads(line)["Action"] for line in lines]


def with_image(engine: Engine, *flags: str, faults: str = "") -> Engine:
    engine.start(*flags, faults=faults)
    if not engine.ok("images", "-q"):
        engine.load_demo(IMAGE)
    return engine


def test_weak_01_a_start_that_hangs_holds_nobody(own: Engine) -> None:
    with_image(own, faults="volumes.after=hang")
    before = look(own)
    ident = own.ok("create", "--name", "stuck", IMAGE, "sleep", "1000")
    with own.popen("start", ident) as starting:
        own.wait_log("hangs at volumes.after")
        assert own.inspect(ident)["State"]["Status"] == "created"
        assert own.ok("ps", "-aq", "--no-trunc") == ident
        own.ok("rm", "-f", ident)
        assert starting.wait(timeout=30) != 0
    assert_no_leaks(own, before)


def test_weak_02_the_exit_does_not_wait_for_who_holds_the_output(engine: Engine) -> None:
    """A process outside of the container's init tree keeps the write end; the exit is settled all the same."""
    ident = engine.ok("run", "-d", "--pid", "host", IMAGE, "sh", "-c", "sleep 1000 & echo $!; sleep 1000")
    follow_until(engine, ident, "")
    engine.ok("kill", ident)
    assert engine.ok("wait", ident) == "137"
    engine.ok("rm", ident)


@pytest.mark.parametrize("point", ["endpoints.after", "task.after"])
def test_weak_03_a_failed_start_gives_its_sandbox_back(own: Engine, point: str) -> None:
    with_image(own, faults=f"{point}=error")
    ident = own.ok("create", IMAGE, "true")
    before = look(own)
    assert own.docker("start", ident).returncode == 1
    assert list((own.exec / "netns").glob("*")) == []
    assert {name for name in look(own).leaks(before) if name != "directories"} == set()


def test_weak_04_a_failed_start_is_no_exit(own: Engine) -> None:
    with_image(own, faults="run.after=error")
    ident = own.ok("create", "--restart", "always", IMAGE, "sleep", "1000")
    assert own.docker("start", ident).returncode == 1
    found = own.inspect(ident)
    assert (found["State"]["Status"], found["State"]["ExitCode"], found["RestartCount"]) == ("created", 128, 0)
    assert "die" not in actions(own, ident)


def test_weak_05_an_exit_that_containerd_did_not_tell_is_seen(own: Engine) -> None:
    with_image(own)
    ident = own.ok("run", "-d", IMAGE, "sleep", "1000")
    pid = state(own, ident)["Pid"]
    (containerd,) = own.processes("containerd --config")
    os.kill(containerd, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    assert own.ok("wait", ident) == "137"
    own.ok("rm", ident)


def test_weak_06_no_task_outlives_a_start_that_was_cut(own: Engine) -> None:
    with_image(own, faults="move.started.before=kill")
    before = look(own)
    ident = own.ok("create", IMAGE, "sleep", "1000")
    assert own.docker("start", ident).returncode == 1
    own.wait_end()
    own.start()
    assert state(own, ident)["Status"] == "created"
    own.ok("rm", ident)
    assert_no_leaks(own, before)


def test_weak_13_a_client_that_leaves_cuts_no_start(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "sleep", "1000")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(engine.socket))
        client.sendall(f"POST /v1.51/containers/{ident}/start HTTP/1.1\r\nHost: d\r\n\r\n".encode())
    assert told(engine, ident, "start")[-1] == "start"
    assert state(engine, ident)["Running"]


def test_weak_14_of_two_starts_one_is_not_modified(engine: Engine) -> None:
    for _ in range(3):
        ident = engine.ok("create", IMAGE, "sleep", "1000")
        answers: list[int] = []

        def start(ident: str = ident, answers: list[int] = answers) -> None:
            client = engine.client()
            answers.append(client.api.post(f"{client.api.base_url}/v1.51/containers/{ident}/start").status_code)
            client.close()

        threads = [threading.Thread(target=start) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [204, 304]


def test_weak_16_a_signal_that_is_no_stop_leaves_the_policy_alone(engine: Engine) -> None:
    ident = ready(engine, "--restart", "always")
    engine.ok("kill", "-s", "HUP", ident)
    follow_until(engine, ident, "hup")
    os.kill(state(engine, ident)["Pid"], signal.SIGKILL)
    assert told(engine, ident, "start", 2)[-1] == "start"
    engine.ok("kill", "-s", "TERM", ident)
    engine.ok("wait", ident)
    assert state(engine, ident)["Status"] == "exited"


def test_weak_17_unless_stopped_outlives_a_crash(own: Engine) -> None:
    with_image(own)
    ident = ready(own, "--restart", "unless-stopped")
    own.kill()
    own.start()
    told(own, ident, "start")
    assert state(own, ident)["Status"] == "running"
    own.ok("stop", ident)
    own.kill()
    own.start()
    assert state(own, ident)["Status"] == "exited"


def test_weak_18_die_comes_before_stop_and_before_who_waits(engine: Engine) -> None:
    ident = ready(engine)
    with engine.popen("wait", ident) as waiter:
        engine.ok("stop", ident)
        assert waiter.wait(timeout=30) == 0
    last = actions(engine, ident)[-3:]
    assert last == ["kill", "die", "stop"]
    other = ready(engine)
    engine.ok("kill", "-s", "TERM", other)
    engine.ok("wait", other)
    assert (state(engine, other)["ExitCode"], actions(engine, other)[-1]) == (5, "die")


def test_weak_19_execs_that_end_do_not_delay_the_exit(engine: Engine) -> None:
    """Each leaves a process that holds its output: dockerd waits 2 s for each of them, one after the other."""
    ident = ready(engine)
    for _ in range(8):
        engine.ok("exec", "-d", ident, "sh", "-c", "sleep 1000 & exit 0")
    began = time.monotonic()
    engine.ok("stop", ident)
    assert state(engine, ident)["ExitCode"] == 5
    assert time.monotonic() - began < 10


def test_weak_21_an_exit_that_nobody_saw_is_no_success(own: Engine) -> None:
    with_image(own, "--live-restore")
    ident = own.ok("run", "-d", "--runtime", "runc", IMAGE, "sleep", "1000")
    pid = state(own, ident)["Pid"]
    own.kill()
    for other in [*own.processes("containerd"), *own.keepers(), pid]:
        os.kill(other, signal.SIGKILL)
    own.start("--live-restore")
    assert (state(own, ident)["Status"], state(own, ident)["ExitCode"]) == ("exited", 255)


def test_weak_23_a_restart_that_fails_keeps_the_word_of_rm(engine: Engine) -> None:
    ident = ready(engine, "--rm")
    assert engine.docker("restart", "-s", "NONSENSE", ident).returncode == 1
    assert state(engine, ident)["Running"]
    engine.ok("kill", ident)
    assert told(engine, ident, "destroy")[-1] == "destroy"
    assert engine.docker("inspect", ident).returncode == 1


def test_weak_24_errors_have_the_status_of_their_kind(engine: Engine) -> None:
    ident = ready(engine, "--name", "boat")
    client = engine.client()
    for path, status, words in (
        ("restart?signal=NONSENSE", 400, "Cannot restart container boat: invalid signal: NONSENSE"),
        ("stop?signal=NONSENSE", 400, "cannot stop container: boat: invalid signal: NONSENSE"),
        ("unpause", 409, f"Container {ident} is not paused"),
    ):
        answer = client.api.post(f"{client.api.base_url}/v1.51/containers/boat/{path}")
        assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
    client.close()


def test_weak_25_an_update_that_fails_changes_nothing(engine: Engine) -> None:
    hog = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); echo ready; while :; do usleep 10000; done; echo $x"
    ident = engine.ok("run", "-d", "-m", "128m", "--restart", "no", IMAGE, "sh", "-c", hog)
    follow_until(engine, ident, "ready")
    before = engine.inspect(ident)["HostConfig"]
    done = engine.docker("update", "--cpuset-cpus", "0-999", "--restart", "always", ident)
    assert done.returncode == 1
    assert engine.inspect(ident)["HostConfig"] == before
    assert "update" not in actions(engine, ident)
    engine.ok("update", "-m", "64m", "--memory-swap", "-1", ident)
    limit = "cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.swap.max"
    assert engine.ok("exec", ident, "sh", "-c", limit) in ("9223372036854771712", "max")


@pytest.mark.parametrize("verb", ["pause", "stop"])
def test_weak_27_pause_and_stop_leave_the_health_alone(engine: Engine, verb: str) -> None:
    ident = begin(engine, "true")
    told(engine, ident, "health_status: healthy")
    engine.ok(verb, ident)
    assert state(engine, ident)["Health"]["Status"] == "healthy"
    assert [action for action in actions(engine, ident) if action.startswith("health")] == ["health_status: healthy"]


def test_weak_27_a_late_probe_ends_with_its_children(engine: Engine) -> None:
    ident = begin(engine, "sleep 4321 & sleep 4321; true", "--health-timeout", "300ms", "--health-retries", "1")
    assert told(engine, ident, "health_status")[-1] == "health_status: unhealthy"
    told(engine, ident, "exec_die", 2)
    names = [row.split()[-1] for row in engine.ok("top", ident, "-o", "pid,comm").splitlines()]
    assert names.count("sleep") <= 2, "those of the probe under way"


def test_weak_31_what_removes_itself_is_gone_after_a_shutdown(own: Engine) -> None:
    with_image(own)
    before = look(own)
    for _ in range(3):
        ready(own, "--rm")
    assert own.stop() == 0
    own.start()
    assert own.ok("ps", "-aq") == ""
    assert_no_leaks(own, before)


def test_weak_32_an_exec_of_an_earlier_daemon_has_no_code_at_all(own: Engine) -> None:
    with_image(own, "--live-restore")
    ident = ready(own)
    client = own.client()
    exec_id = client.api.exec_create(ident, ["sleep", "1000"])["Id"]
    client.api.exec_start(exec_id, detach=True)
    own.kill()
    own.start("--live-restore")
    answer = client.api.get(f"{client.api.base_url}/v1.51/exec/{exec_id}/json")
    assert (answer.status_code, answer.json()) == (404, {"message": f"No such exec instance: {exec_id}"})
    client.close()
    own.ok("rm", "-f", ident)


def test_weak_39_a_client_that_reads_nothing_stalls_nobody(engine: Engine) -> None:
    script = "for i in $(seq 40); do head -c 1000000 /dev/zero | tr '\\0' x; echo; done; echo done"
    ident = engine.ok("create", IMAGE, "sh", "-c", script)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(engine.socket))
        head = f"POST /v1.51/containers/{ident}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
        client.sendall(f"{head}Upgrade: tcp\r\nConnection: Upgrade\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 101"
        engine.ok("start", ident)
        assert engine.ok("wait", ident) == "0"
    assert engine.ok("logs", "--tail", "1", ident) == "done"


def test_weak_40_a_second_run_has_streams_of_its_own(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "sh", "-c", "echo out; echo err >&2")
    for runs in (1, 2, 3):
        engine.ok("start", "-a", ident)
        done = engine.docker("logs", ident)
        assert (done.stdout, done.stderr) == (b"out\n" * runs, b"err\n" * runs)


def test_weak_42_a_volume_is_in_use_after_a_crash(own: Engine) -> None:
    with_image(own, "--live-restore")
    ids = [own.ok("run", "-d", "-v", "shared:/v", IMAGE, "sleep", "1000") for _ in range(2)]
    own.kill()
    own.start("--live-restore")
    own.ok("rm", "-f", ids[0])
    assert "volume is in use" in own.docker("volume", "rm", "shared").stderr.decode()
    assert own.ok("exec", ids[1], "touch", "/v/file") == ""
    own.ok("rm", "-f", ids[1])
    own.ok("volume", "rm", "shared")


def test_weak_43_an_endpoint_that_fails_fails_the_start(own: Engine) -> None:
    with_image(own, faults="endpoints.before=error")
    ident = own.ok("create", IMAGE, "true")
    assert b"failpoint endpoints.before" in own.docker("start", ident).stderr
    assert state(own, ident)["ExitCode"] == 128
