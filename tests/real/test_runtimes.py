"""Runtimes from the configuration, real ones: runc, crun, a program with arguments, shims of containerd and our own."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.box import Box
from tests.real.conftest import IMAGE
from tests.real.engine import WHERRYD, Engine
from tests.real.leaks import assert_no_leaks, look

ARGUMENTS = ["a b", "$(id)", "it's", "*"]
OWN_SHIM = "io.containerd.wherrytest.v1"
FIRST_SHIM = "io.containerd.runtime.v1.linux"
FEATURES = "org.opencontainers.runtime-spec.features"
LIFE = "trap 'exit 3' TERM; echo up; while :; do usleep 10000; done"


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def has_first_shim() -> bool:
    """containerd dropped it after 1.6."""
    version = subprocess.run(["containerd", "--version"], capture_output=True, text=True).stdout.split()[2]
    return version.lstrip("v").startswith("1.6.")


class Yard:
    """A directory with programs and shims for a containerd to find, and the entries that name them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.bin = engine.root / "bin"
        self.bin.mkdir(exist_ok=True)
        self.said = engine.root / "said"
        self.file = engine.root / "daemon.json"
        own = script(self.bin / "containerd-shim-wherrytest-v1", 'exec containerd-shim-runc-v2 "$@"')
        spoken = f'printf "%s\\n" "$@" >>{self.said}\nshift {len(ARGUMENTS)}\nexec runc "$@"'
        slow = script(self.bin / "slow", '[ "$1" != features ] || exec sleep 1000\nexec runc "$@"')
        self.entries = {
            "crun": {"path": "crun"},
            "direct": {"runtimeType": "io.wherry.direct.v1", "options": {"binary": "crun"}},
            "spoken": {"path": script(self.bin / "with a blank", spoken), "runtimeArgs": ARGUMENTS},
            "typed": {"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": "runc", "Root": "/run/typed"}},
            "by path": {"runtimeType": own},
            "slow": {"path": slow},
            "gone": {"path": "/no/such/program"},
            "gone with arguments": {"path": "no-such-program", "runtimeArgs": ["--debug"]},
        }

    def start(self, *flags: str, **options: object) -> Engine:
        self.file.write_text(json.dumps({"runtimes": self.entries}))
        path = ("env", f"PATH={self.bin}:{os.environ['PATH']}")
        return self.engine.start("--config-file", str(self.file), *flags, before=path, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shared() -> Iterator[Engine]:
    """The engine of this module; in its box only cgroup v1 is mounted, since crun refuses the hybrid mode."""
    with Box() as box:
        box.run("umount", "-l", "/sys/fs/cgroup/unified")
        engine = Engine(box, "e", "--bridge", "none")
        try:
            Yard(engine).start("--add-runtime", "Flag=runc", "--default-runtime", "spoken")
            engine.load_demo(IMAGE)
            yield engine
            assert engine.stop() == 0, engine.tail()
        finally:
            engine.end()


RUNTIMES = [
    "", "runc", "io.containerd.runc.v2", "flag", "crun", "spoken", "typed", "by path", "slow", OWN_SHIM, "runc-direct",
    "crun-direct", "direct",
]  # fmt: skip


@pytest.mark.parametrize("name", [*RUNTIMES, FIRST_SHIM])
def test_a_whole_life(engine: Engine, name: str) -> None:
    if name == FIRST_SHIM and not has_first_shim():
        pytest.skip("this containerd has no shim of the first kind; test_a_missing_shim shows its refusal")
    ident = engine.ok("create", "--name", "life", "--runtime", name, IMAGE, "sh", "-c", LIFE)
    assert engine.inspect(ident)["HostConfig"]["Runtime"] == (name or "spoken")
    engine.ok("start", ident)
    assert engine.ok("exec", ident, "sh", "-c", "echo $((6*7))") == "42"
    engine.ok("pause", ident)
    engine.ok("unpause", ident)
    assert ident in engine.ok("ps", "--no-trunc")
    engine.ok("update", "--memory", "64m", "--memory-swap", "64m", ident)
    engine.ok("stop", ident)
    assert engine.inspect(ident)["State"]["ExitCode"] == 3
    engine.ok("start", ident)
    engine.ok("rm", "-f", ident)
    done = engine.docker("run", "--rm", "--runtime", name, IMAGE, "sh", "-c", "echo hi; exit 5")
    assert (done.returncode, done.stdout) == (5, b"hi\n")


def test_weak_33_arguments_reach_the_program_as_they_are(engine: Engine) -> None:
    """Weak place 33, with every call that a shim makes."""
    said = engine.root / "said"
    said.unlink(missing_ok=True)
    engine.ok("run", "--rm", "--runtime", "spoken", IMAGE, "true")
    lines = said.read_text().splitlines()
    calls = [at for at, line in enumerate(lines) if line == ARGUMENTS[0]]
    assert len(calls) >= 3, lines
    for at in calls:
        assert lines[at : at + len(ARGUMENTS)] == ARGUMENTS


@pytest.mark.parametrize("name", ["gone", "gone with arguments"])
def test_weak_34_a_missing_program_is_told_at_once(engine: Engine, name: str) -> None:
    """Weak place 34: in its own words, before anything is taken, and not as the user's command (127)."""
    done = engine.docker("run", "--name", "never", "--runtime", name, IMAGE, "true")
    assert done.returncode == 125
    words = f'error while looking up the specified runtime path: runtime "{name}" needs '
    assert words in done.stderr.decode()
    assert engine.docker("inspect", "never").returncode == 1


def test_a_program_that_went_after_create(engine: Engine) -> None:
    program = script(engine.root / "bin" / "flag-of-today", "")
    engine.ok("create", "--name", "gone", "--runtime", "slow", IMAGE, "true")
    slow = engine.root / "bin" / "slow"
    slow.rename(program)
    try:
        done = engine.docker("start", "gone")
        assert done.returncode == 1
        assert "error while looking up the specified runtime path" in done.stderr.decode()
        state = engine.inspect("gone")["State"]
        assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", 0, ""), "nothing was begun"
    finally:
        Path(program).rename(slow)
    engine.ok("start", "-a", "gone")


def test_a_program_that_went_before_a_restart_by_policy(engine: Engine) -> None:
    """No validation runs there: the start fails, with the runtime's own words and not as a missing command."""
    slow, aside = engine.root / "bin" / "slow", engine.root / "bin" / "aside"
    flags = ["--name", "again", "--restart", "always", "--runtime", "slow"]
    engine.ok("run", "-d", *flags, IMAGE, "sh", "-c", "exit 1")
    while engine.inspect("again")["RestartCount"] < 5:
        pass
    slow.rename(aside)  # in a pause of more than a second
    try:
        while not (state := engine.inspect("again")["State"])["Error"]:
            pass
        assert "error while looking up the specified runtime path" in state["Error"]
        assert state["ExitCode"] == 128
    finally:
        aside.rename(slow)
    engine.ok("rm", "-f", "again")


def test_a_missing_shim(engine: Engine) -> None:
    done = engine.docker("run", "--name", "lost", "--runtime", "io.containerd.lost.v1", IMAGE, "true")
    assert done.returncode == 125
    assert "containerd-shim-lost-v1" in done.stderr.decode()
    state = engine.inspect("lost")["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)


@pytest.mark.parametrize("name", ["nope", "/bin/sh", ".a.b", "io.wherry.fast"])
def test_an_unknown_name(engine: Engine, name: str) -> None:
    done = engine.docker("create", "--runtime", name, IMAGE, "true")
    assert done.returncode == 1
    assert f"unknown or invalid runtime name: {name}" in done.stderr.decode()


def test_info(engine: Engine) -> None:
    """The one that never answers costs a moment, once."""
    info = engine.client().info()
    shown = info["Runtimes"]
    assert info["DefaultRuntime"] == "spoken"
    assert json.loads(shown["runc"]["status"][FEATURES])["ociVersionMin"]
    assert shown["spoken"]["runtimeArgs"] == ARGUMENTS
    assert json.loads(shown["spoken"]["status"][FEATURES])["linux"]
    assert (shown["by path"], shown["slow"].keys(), shown["flag"]["path"]) == ({}, {"path"}, "runc")
    assert "spoken" in engine.ok("info", "--format", "{{json .Runtimes}}")


def test_the_first_shim_is_deprecated(engine: Engine) -> None:
    done = engine.docker("create", "--runtime", FIRST_SHIM, IMAGE, "true")
    words = f'Configured runtime "{FIRST_SHIM}" is deprecated and will be removed in the next release'
    assert words in done.stderr.decode()


def test_a_container_keeps_the_runtime_that_it_was_started_with(box: Box) -> None:
    """Weak place 33: its entry is gone after a restart of the engine, and stop, exec and delete still work."""
    engine = Engine(box, "kept", "--bridge", "none", "--live-restore")
    yard = Yard(engine)
    try:
        yard.start()
        engine.load_demo(IMAGE)
        before = look(engine)
        ident = engine.ok("run", "-d", "--runtime", "spoken", IMAGE, "sh", "-c", LIFE)
        other = engine.ok("create", "--runtime", "spoken", IMAGE, "true")
        (kept,) = [path for path in (engine.data / "runtimes").iterdir() if ARGUMENTS[1] in path.read_text()]
        engine.kill()
        del yard.entries["spoken"]
        yard.start()
        assert engine.ok("exec", ident, "echo", "still") == "still"
        engine.ok("stop", ident)
        assert engine.inspect(ident)["State"]["ExitCode"] == 3
        for name in (ident, other):
            done = engine.docker("start", name)
            assert "unknown or invalid runtime name: spoken" in done.stderr.decode()
        assert kept.exists()
        engine.kill()
        yard.start()
        assert not kept.exists(), "nobody uses it any more"
        engine.ok("rm", ident, other)
        assert_no_leaks(engine, before)
    finally:
        engine.end()


def test_a_wrong_entry_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    for entries, words in (
        ({"runc": {"path": "x"}}, "runtime name 'runc' is reserved"),
        ({"x": {}}, "runtime x: either a runtimeType or a path must be configured"),
    ):
        file.write_text(json.dumps({"runtimes": entries}))
        done = subprocess.run([WHERRYD, "--validate", "--config-file", str(file)], capture_output=True, text=True)
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr
    done = subprocess.run([WHERRYD, "--validate", "--default-runtime", "nope"], capture_output=True, text=True)
    assert "specified default runtime 'nope' does not exist" in done.stderr
