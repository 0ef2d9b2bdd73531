"""Starts that fail: words, exit codes by the failing stage, what is kept, what is given back, and who is told."""

import json
import time
from http.client import HTTPResponse
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look

WRONG_KIND = (
    "Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)

ROWS: dict[str, tuple[list[str], list[str], int, int, str]] = {
    "missing command": ([], ["nosuch"], 127, 127, 'exec: "nosuch": executable file not found in $PATH'),
    "missing path": ([], ["/no/such"], 127, 127, "no such file or directory"),
    "a directory": ([], ["/etc"], 126, 126, "permission denied"),
    "not executable": ([], ["/etc/passwd"], 126, 126, 'exec: "/etc/passwd": permission denied'),
    "bound file is no program": (["-v", "{file}:/x"], ["/x"], 126, 126, "permission denied"),
    "directory onto a file": (["-v", "{directory}:/etc/passwd"], ["true"], 125, 127, WRONG_KIND),
    "file onto a directory": (["-v", "{file}:/etc"], ["true"], 125, 127, WRONG_KIND),
    "work in no directory": (["-w", "/proc/nope"], ["true"], 127, 127, "/proc/nope"),
    "no such user": (["-u", "absent"], ["true"], 125, 128, "unable to find user absent"),
    "no such shim": (["--runtime", "io.containerd.lost.v1"], ["true"], 125, 128, "containerd-shim-lost-v1"),
    "port conflict": (["-p", "8099:80"], ["true"], 125, 128, "Bind for 0.0.0.0:8099 failed: port is already allocated"),
}
"""Flags, command, status of the CLI, exit code in the record, and words of the error."""


@pytest.fixture
def places(engine: Engine) -> dict[str, str]:
    directory, file = engine.root / "a directory", engine.root / "a file"
    directory.mkdir(exist_ok=True)
    file.write_text("no program\n")
    return {"directory": str(directory), "file": str(file)}


def wait_for_removal(engine: Engine, name: str) -> HTTPResponse:
    """Stand in line; returns when the engine has answered the head."""
    sock = socket(AF_UNIX, SOCK_STREAM)
    sock.settimeout(30)
    sock.connect(str(engine.socket))
    sock.sendall(f"POST /v1.51/containers/{name}/wait?condition=removed HTTP/1.1\r\nHost: d\r\n\r\n".encode())
    response = HTTPResponse(sock)
    response.begin()
    return response


def events(engine: Engine, ident: str) -> list[str]:
    """What was told of a container, and of networks and volumes because of it."""
    found = engine.ok("events", "--since", "0", "--until", f"{time.time():.9f}", "--format", "{{json .}}")
    mine = [
        e
        for e in map(json.loads, found.splitlines())
        if ident in (e["Actor"]["ID"], e["Actor"]["Attributes"].get("container"))
    ]
    return [f"{event['Type']} {event['Action']}" for event in mine]


@pytest.mark.parametrize("row", ROWS)
def test_rows(engine: Engine, places: dict[str, str], row: str) -> None:
    """start.md 3.3 and weak place 12: only what the runtime says of the command is 126 or 127."""
    flags, command, status, code, words = ROWS[row]
    engine.ok("run", "-d", "-p", "8099:80", IMAGE, "sleep", "1000")
    done = engine.docker("run", "--name", "row", *(flag.format(**places) for flag in flags), IMAGE, *command)
    assert (done.returncode, words in done.stderr.decode()) == (status, True), done.stderr
    state = engine.inspect("row")["State"]
    assert (state["Status"], state["ExitCode"], state["Running"], state["Pid"]) == ("created", code, False, 0)
    assert words in state["Error"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--mount", "type=bind,src=/no/such/src,dst=/x"], "bind source path does not exist: /no/such/src"),
        (["--runtime", "nosuch"], "unknown or invalid runtime name: nosuch"),
    ],
)
def test_what_create_refuses_leaves_no_container(engine: Engine, flags: list[str], words: str) -> None:
    done = engine.docker("run", "--name", "row", *flags, IMAGE, "true")
    assert (done.returncode, words in done.stderr.decode()) == (125, True), done.stderr
    assert engine.docker("inspect", "row").returncode == 1


def test_weak_12_a_source_that_went_is_not_a_missing_command(engine: Engine, places: dict[str, str]) -> None:
    gone = Path(places["directory"]) / "gone"
    gone.mkdir()
    engine.ok("create", "--name", "row", "--mount", f"type=bind,src={gone},dst=/x", IMAGE, "true")
    gone.rmdir()
    assert engine.docker("start", "row").returncode == 1
    state = engine.inspect("row")["State"]
    assert (state["ExitCode"], state["Status"], str(gone) in state["Error"]) == (128, "created", True)


def test_weak_08_a_stale_exit_code_is_never_shown(engine: Engine) -> None:
    """Weak place 8."""
    engine.ok("create", "--name", "row", "-p", "8098:80", IMAGE, "sh", "-c", "exit 7")
    engine.docker("start", "-a", "row")
    assert engine.inspect("row")["State"]["ExitCode"] == 7
    engine.ok("run", "-d", "-p", "8098:80", IMAGE, "sleep", "1000")
    assert engine.docker("start", "row").returncode == 1
    state = engine.inspect("row")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 128)
    assert "port is already allocated" in state["Error"]


def test_a_failed_start_is_no_exit_and_no_reason_to_restart(engine: Engine) -> None:
    """Weak place 4."""
    done = engine.docker("run", "--name", "row", "--restart", "always", "-v", "data:/data", IMAGE, "nosuch")
    assert done.returncode == 127
    found = engine.inspect("row")
    assert (found["State"]["Status"], found["RestartCount"], found["State"]["FinishedAt"][:4]) == ("created", 0, "0001")
    assert engine.docker("wait", "row").stdout == b"127\n", "nothing is under way"
    assert events(engine, found["Id"]) == [
        "container create",
        "container attach",
        "volume mount",
        "network connect",
        "network disconnect",
        "volume unmount",
    ]
    engine.ok("rm", "row")
    engine.ok("volume", "rm", "data")


def test_who_waits_for_the_removal_is_woken(engine: Engine) -> None:
    ident = engine.ok("create", "--rm", "--name", "row", "-v", "/data", IMAGE, "nosuch")
    waiting = wait_for_removal(engine, "row")
    assert engine.docker("start", "row").returncode == 1
    assert json.loads(waiting.read())["StatusCode"] == 127
    assert engine.docker("inspect", "row").returncode == 1
    assert engine.ok("volume", "ls", "-q") == "", "its anonymous volume went with it"
    assert events(engine, ident)[-1] == "container destroy"


def test_run_and_remove_of_a_missing_command_ends(engine: Engine) -> None:
    done = engine.docker("run", "--rm", IMAGE, "nosuch")
    assert done.returncode == 127
    assert engine.ok("ps", "-aq") == ""


def test_only_a_start_that_reached_the_runtime_begins_anew(engine: Engine, places: dict[str, str]) -> None:
    """A failed mount, network or spec leaves the count of restarts; from the runtime on it is 0."""
    script = Path(places["directory"]) / "script"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    flags = ["--restart", "on-failure:2", "-p", "8097:80", "-v", f"{script.parent}:/x"]
    ident = engine.ok("run", "-d", "--name", "row", *flags, IMAGE, "/x/script")
    while events(engine, ident).count("container die") < 3:
        pass
    assert engine.inspect(ident)["RestartCount"] == 2
    script.unlink()
    holder = engine.ok("run", "-d", "-p", "8097:80", IMAGE, "sleep", "1000")
    assert b"port is already allocated" in engine.docker("start", ident).stderr
    assert engine.inspect(ident)["RestartCount"] == 2
    engine.ok("rm", "-f", holder)
    assert b"no such file or directory" in engine.docker("start", ident).stderr
    assert engine.inspect(ident)["RestartCount"] == 0


def test_what_is_still_mounted_is_unmounted_and_told(engine: Engine) -> None:
    ident = engine.ok("create", "--name", "row", IMAGE, "nosuch")
    place = engine.data / "containers" / ident / "by hand"
    place.mkdir(parents=True)
    engine.box.output("mount", "-t", "tmpfs", "none", str(place))
    assert engine.docker("start", ident).returncode == 1
    assert not [path for path in engine.box.mounts() if ident in path]
    engine.wait_log(f"container {ident}: {place} was still mounted after its start had failed, and is unmounted")


@pytest.mark.parametrize("remove", [False, True])
def test_the_state_is_stored_before_anything_is_given_back(own: Engine, remove: bool) -> None:
    """The engine dies in between: the next boot knows the error and gives back what was begun."""
    own.start(faults="run.before=error,move.failed.after=kill")
    own.load_demo(IMAGE)
    before = look(own)
    ident = own.ok("create", *(["--rm"] if remove else []), "--name", "row", IMAGE, "sleep", "1000")
    assert own.docker("start", ident).returncode == 1
    own.wait_end()
    own.start()
    if not remove:
        state = own.inspect("row")["State"]
        assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", 128, "failpoint run.before")
        own.ok("start", ident)
        own.ok("rm", "-f", ident)
    assert own.ok("ps", "-aq") == ""
    assert_no_leaks(own, before)


def test_a_state_that_cannot_be_stored_hinders_no_release(own: Engine) -> None:
    own.start(faults="run.before=error,move.failed.before=error")
    own.load_demo(IMAGE)
    before = look(own)
    ident = own.ok("create", "--name", "row", IMAGE, "sleep", "1000")
    assert b"failpoint run.before" in own.docker("start", ident).stderr
    assert own.inspect("row")["State"]["Error"] == "failpoint run.before"
    assert "failed saving state on start failure" in own.tail()
    own.ok("start", ident)
    own.ok("rm", "-f", ident)
    assert_no_leaks(own, before)
