"""Checkpoint and restore: with the real CRIU as far as this machine lets it, and through a runtime for tests."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real import restorable_runc
from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look
from tests.real.test_life import follow_until

SHIM = "containerd-shim-runc-v2"
WRAPPER = """\
#!/bin/sh
# Writes down what the content store holds when the shim of a new task is started.
[ "$(eval echo \\$$#)" = start ] && ctr -a "{root}/exec/containerd/containerd.sock" -n moby content ls >"{root}/seen"
REAL_RUNC=$(command -v runc) PATH="{root}/runtime:$PATH" exec {shim} "$@"
"""
DIRECT = """\
#!/bin/sh
REAL_RUNC={runc} exec {root}/runtime/runc "$@"
"""
SCRIPT = (
    "if [ -e /mem/state ]; then echo restored $(cat /mem/state); else echo 41 >/mem/state; echo ready; fi; sleep 99"
)
WORK = ("--tmpfs", "/mem", IMAGE, "sh", "-c", SCRIPT)


def begin(engine: Engine, path: str = os.environ["PATH"], *flags: str) -> Engine:
    """Start an experimental engine that finds its programs on a PATH; of the direct tier with runc: crun may have been
    built without CRIU."""
    engine.tier = "runc-direct" if engine.tier == "crun-direct" else engine.tier
    engine.start("--experimental", *flags, before=("env", f"PATH={path}"))
    if not engine.ok("images", "-q"):
        engine.load_demo(IMAGE)
    return engine


@pytest.fixture(params=["shim", "direct"])
def tested(own: Engine, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine with the runtime for tests, behind a shim or by itself; it must leave nothing."""
    (own.root / "runtime").mkdir()
    for path, text in (
        (own.root / SHIM, WRAPPER.format(root=own.root, shim=shutil.which(SHIM))),
        (own.root / "runtime" / "runc", Path(restorable_runc.__file__).read_text()),
        (own.root / "direct", DIRECT.format(root=own.root, runc=shutil.which("runc"))),
    ):
        path.write_text(text)
        path.chmod(0o755)
    runtimes = {"direct": {"runtimeType": "io.wherry.direct.v1", "options": {"binary": str(own.root / "direct")}}}
    (own.root / "daemon.json").write_text(json.dumps({"runtimes": runtimes}))
    own.flags += ["--config-file", str(own.root / "daemon.json")]
    own.tier = "direct" if request.param == "direct" else "runc"
    begin(own, with_shim(own), "--live-restore")
    before = look(own)
    yield own
    own.remove_all()
    assert_no_leaks(own, before)
    assert blobs(own) == []
    assert list(own.exec.glob("containerd/tmp/ctrd-checkpoint*")) == []


def with_shim(engine: Engine) -> str:
    return f"{engine.root}:{os.environ['PATH']}"


def blobs(engine: Engine) -> list[str]:
    """Digests of what is kept in the content store as a root of its own."""
    address = str(engine.exec / "containerd" / "containerd.sock")
    listed = engine.box.output("ctr", "-a", address, "-n", "moby", "content", "ls")
    return [line.split()[0] for line in listed.splitlines() if "containerd.io/gc.root" in line]


def checkpoints(engine: Engine, ident: str) -> Path:
    return engine.data / "containers" / ident / "checkpoints"


def asked(engine: Engine, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Return status and message of a request that the CLI would not make."""
    client = engine.client()
    try:
        answer = client.api.request(method, f"{client.api.base_url}/v1.51{path}", json=body)
        return answer.status_code, answer.json()["message"] if answer.content else ""
    finally:
        client.close()


def test_restore(tested: Engine) -> None:
    ident = tested.ok("run", "-d", *WORK)
    follow_until(tested, ident, "ready")
    assert tested.ok("checkpoint", "create", "--leave-running", ident, "first") == "first"
    assert tested.inspect(ident)["State"]["Running"]
    assert tested.ok("checkpoint", "create", ident, "second") == "second"
    assert tested.ok("wait", ident) == "137"
    assert tested.ok("checkpoint", "ls", ident).split() == ["CHECKPOINT", "NAME", "first", "second"]
    place = checkpoints(tested, ident)
    assert place.stat().st_mode & 0o777 == (place / "first").stat().st_mode & 0o777 == 0o700
    assert [(path.name, path.read_text()) for path in (place / "first").iterdir()] == [("pages-1.img", "41\n")]
    (place / "second" / "pages-1.img").write_text("42\n")

    tested.ok("start", "--checkpoint", "second", ident)
    follow_until(tested, ident, "restored 42")
    state = tested.inspect(ident)["State"]
    assert state["Running"]
    assert Path(f"/proc/{state['Pid']}/root/mem/state").read_text() == "42\n"
    if tested.tier != "direct":
        [line] = [line for line in (tested.root / "seen").read_text().splitlines() if "gc.root" in line]
        assert line.startswith("sha256:"), "the tar of the checkpoint is there while the task is created"
    assert blobs(tested) == [], "and gone once it is"
    assert list(tested.exec.glob("c/*/*/criu")) == list(tested.exec.glob("criu/*")) == []
    assert tested.ok("exec", ident, "cat", "/mem/state") == "42"

    assert tested.ok("checkpoint", "rm", ident, "first") == ""
    assert tested.ok("checkpoint", "ls", ident).split() == ["CHECKPOINT", "NAME", "second"]
    tested.ok("rm", "-f", ident)
    assert not place.exists()


def test_weak_22_exit_is_honoured_after_a_crash(tested: Engine) -> None:
    """Exit is honoured by a daemon that did not start the container; the policy brings it back."""
    ident = tested.ok("run", "-d", *WORK)
    follow_until(tested, ident, "ready")
    tested.kill()
    (checkpoints(tested, ident) / ".cut").mkdir(parents=True)
    begin(tested, with_shim(tested), "--live-restore")
    assert not (checkpoints(tested, ident) / ".cut").exists()
    tested.ok("checkpoint", "create", ident, "first")
    assert tested.ok("wait", ident) == "137"
    tested.kill()
    tested.start(
        "--experimental", "--live-restore", before=("env", f"PATH={with_shim(tested)}"), faults="task.after=kill"
    )
    assert tested.docker("start", "--checkpoint", "first", ident).returncode != 0
    tested.wait_end()
    begin(tested, with_shim(tested), "--live-restore")
    assert blobs(tested) == []
    tested.ok("start", "--checkpoint", "first", ident)
    follow_until(tested, ident, "restored 41")


def test_a_directory_of_the_client(tested: Engine) -> None:
    ident = tested.ok("run", "-d", *WORK)
    follow_until(tested, ident, "ready")
    place = tested.root / "elsewhere"
    until = tested.ok("info", "-f", "{{.SystemTime}}")
    tested.ok("checkpoint", "create", "--leave-running", "--checkpoint-dir", str(place), ident, "first")
    assert (place / "first" / "pages-1.img").read_text() == "41\n"
    assert tested.ok("checkpoint", "ls", ident).split() == ["CHECKPOINT", "NAME"]
    assert "first" in tested.ok("checkpoint", "ls", "--checkpoint-dir", str(place), ident)
    words = f"checkpoint with name first already exists for container {ident}"
    again = tested.docker("checkpoint", "create", "--checkpoint-dir", str(place), ident, "first")
    assert f"cannot checkpoint container {ident}: {words}" in again.stderr.decode()
    tested.ok("checkpoint", "rm", "--checkpoint-dir", str(place), ident, "first")
    assert list(place.iterdir()) == []
    now = tested.ok("info", "-f", "{{.SystemTime}}")
    lines = tested.ok("events", "--since", until, "--until", now, "--filter", f"container={ident}", "--format", "json")
    assert [json.loads(line)["Action"] for line in lines.splitlines()] == ["checkpoint"]


def test_refusals(own: Engine) -> None:
    begin(own)
    name = own.ok("create", "--name", "boat", IMAGE, "sleep", "99") and "boat"
    url = f"/containers/{name}"
    bad = 'invalid checkpoint ID "{}", only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'
    ident = own.inspect(name)["Id"]
    place = checkpoints(own, ident)
    place.mkdir(parents=True)
    (place / "file").write_text("")
    assert asked(own, "POST", f"{url}/checkpoints", {"CheckpointID": "ab"}) == (
        409,
        f"container {ident} is not running",
    )
    assert asked(own, "DELETE", f"{url}/checkpoints/ab") == (500, f"checkpoint ab does not exist for container {name}")
    assert asked(own, "DELETE", f"{url}/checkpoints/x") == (400, bad.format("x"))
    assert asked(own, "DELETE", f"{url}/checkpoints/file")[1] == f"{place}/file exists and is not a directory"
    assert asked(own, "GET", f"{url}/checkpoints?dir=/absent") == (
        404,
        f'checkpoint directory "/absent" does not exist for container {name}: stat /absent: no such file or directory',
    )
    assert asked(own, "POST", f"{url}/start?checkpoint=..%2Fab") == (400, bad.format("../ab"))
    assert asked(own, "POST", f"{url}/start?checkpoint=ab&checkpoint-dir=/x") == (
        403,
        "custom checkpointdir is not supported",
    )
    assert own.inspect(name)["State"]["ExitCode"] == 0
    for checkpoint, words in {
        "ab": f"checkpoint ab does not exist for container /{name}",
        "file": f"{place}/file exists and is not a directory",
    }.items():
        status, told = asked(own, "POST", f"{url}/start?checkpoint={checkpoint}")
        assert (status, told.partition(" (step ")[0]) == (500, words)
        state = own.inspect(name)["State"]
        assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", 128, words)
    own.ok("start", name)
    assert asked(own, "POST", f"{url}/checkpoints", {"CheckpointID": "../ab"}) == (400, bad.format("../ab"))
    assert asked(own, "POST", f"{url}/start?checkpoint=ab")[0] == 304


def test_only_when_experimental(engine: Engine) -> None:
    engine.ok("create", "--name", "boat", IMAGE, "true")
    for method, path in (
        ("GET", "/containers/boat/checkpoints"),
        ("POST", "/containers/boat/checkpoints"),
        ("DELETE", "/containers/boat/checkpoints/ab"),
    ):
        status, message = asked(engine, method, path)
        assert (status, message.partition(".")[0]) == (501, "This experimental feature is disabled by default")
    words = "checkpoint is only supported in experimental mode"
    assert asked(engine, "POST", "/containers/boat/start?checkpoint=ab") == (400, words)


@pytest.mark.skipif(shutil.which("criu") is None, reason="CRIU is not installed")
def test_the_real_criu(own: Engine) -> None:
    """Where CRIU and the kernel do not fit, the error says why, and the container runs on; else it comes back."""
    begin(own)
    ident = own.ok("run", "-d", IMAGE, "sleep", "99")
    pid = own.inspect(ident)["State"]["Pid"]
    done = own.docker("checkpoint", "create", "--leave-running", ident, "first")
    assert own.inspect(ident)["State"]["Pid"] == pid
    assert own.ok("exec", ident, "echo", "unharmed") == "unharmed"
    if done.returncode:
        words = done.stderr.decode()
        assert words.startswith(f"Error response from daemon: Cannot checkpoint container {ident}: "), words
        assert "criu failed: type DUMP" in words
        assert "criu says: " in words
        assert own.ok("checkpoint", "ls", ident).split() == ["CHECKPOINT", "NAME"]
        assert list(checkpoints(own, ident).glob("*")) == list(own.exec.glob("criu/*")) == []
        return
    own.ok("kill", ident)
    own.ok("start", "--checkpoint", "first", ident)
    assert own.inspect(ident)["State"]["Running"]


def test_a_restore_that_fails_leaves_nothing(own: Engine) -> None:
    begin(own)
    ident = own.ok("create", IMAGE, "sleep", "99")
    place = checkpoints(own, ident) / "first"
    place.mkdir(parents=True)
    (place / "inventory.img").write_text("nonsense")
    before = look(own)
    done = own.docker("start", "--checkpoint", "first", ident)
    assert done.returncode == 1
    state = own.inspect(ident)["State"]
    assert (state["Status"], state["Running"]) == ("created", False)
    assert state["ExitCode"] >= 126
    assert state["Error"] in done.stderr.decode()
    assert_no_leaks(own, before)
    assert blobs(own) == []
    assert list(own.exec.glob("containerd/tmp/ctrd-checkpoint*")) == []
    own.ok("start", ident)


def test_without_criu(own: Engine) -> None:
    programs = own.root / "bin"
    programs.mkdir()
    for directory in os.environ["PATH"].split(":"):
        for path in Path(directory).glob("*"):
            if path.name != "criu" and not (programs / path.name).exists():
                (programs / path.name).symlink_to(path)
    begin(own, str(programs))
    ident = own.ok("run", "-d", IMAGE, "sleep", "99")
    words = own.docker("checkpoint", "create", ident, "first").stderr.decode()
    assert 'exec: "criu": executable file not found in $PATH' in words
    assert own.ok("exec", ident, "echo", "unharmed") == "unharmed"
