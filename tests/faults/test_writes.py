"""ENOSPC, EIO and a busy database at each write of state, and a data root that is full indeed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.cells import break_at, removed
from tests.faults.conftest import IMAGE
from tests.real.box import Box
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks, look
from wherry.base.faults import WRITE_ERRORS

KINDS = ["full", *(pytest.param(kind, marks=pytest.mark.slice) for kind in WRITE_ERRORS if kind != "full")]
SMALL = "1m"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["write.start", "write.save", "write.started"])
def test_write_of_a_start(engine: Engine, clean: Look, point: str, kind: str) -> None:
    """500, no event, nothing left: the task was killed."""
    break_at(engine, f"{point}={kind}")
    ident = engine.ok("create", "-p", "8080:80", "--stop-timeout", "1", IMAGE, "sleep", "1000")
    seen = look(engine)
    seen = replace(seen, directories=seen.directories | {ident})
    done = engine.docker("start", ident)
    assert done.returncode != 0
    assert WRITE_ERRORS[kind].encode() in done.stderr
    events = engine.ok(
        "events", "--since", "1m", "--until", "0s", "--filter", f"container={ident}", "--format", "{{.Action}}"
    )
    assert not {"start", "die"} & set(events.split())
    assert engine.inspect(ident)["State"]["Status"] == "created"
    assert_no_leaks(engine, seen)
    engine.ok("start", ident)
    removed(engine, ident)
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["write.save", "write.exit"])
def test_write_of_an_exit(engine: Engine, clean: Look, point: str, kind: str) -> None:
    """It is tried again until it is stored, with its own code; the daemon may die meanwhile."""
    engine.kill()
    engine.start()
    ident = engine.ok("run", "-d", "-i", "--stop-timeout", "1", IMAGE, "sh", "-c", "read x; exit 7")
    engine.kill()
    engine.start("--live-restore", faults=f"{point}={kind}*")
    seen = engine.log.stat().st_size
    with engine.popen("attach", "--sig-proxy=false", ident) as feeder:
        assert feeder.stdin is not None
        feeder.stdin.write(b"go\n")
        feeder.stdin.flush()
        engine.wait_log("its exit cannot be settled, trying again", since=seen)
        feeder.kill()  # it waits for an end that is not stored
    assert engine.inspect(ident)["State"]["Running"]
    engine.kill()
    engine.start()
    assert engine.inspect(ident)["State"]["ExitCode"] == 7
    removed(engine, ident)
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["write.insert", "write.remove", "write.delete"])
def test_write_of_a_creation_or_removal(engine: Engine, clean: Look, point: str, kind: str) -> None:
    break_at(engine, f"{point}={kind}")
    done = engine.docker("run", "--name", "written", IMAGE, "true")
    assert done.returncode == (125 if point == "write.insert" else 0)
    if done.returncode:
        assert WRITE_ERRORS[kind].encode() in done.stderr
    else:
        assert WRITE_ERRORS[kind].encode() in engine.docker("rm", "written").stderr
        removed(
            engine, engine.docker("ps", "-aq", "--no-trunc", "--filter", "name=written").stdout.decode().strip() or "-"
        )
    assert_no_leaks(engine, clean)


@pytest.fixture
def small() -> Iterator[Engine]:
    """An engine whose containers' directories (network files, logs) are on a small tmpfs."""
    with Box() as box:
        engine = Engine(box, "small", "--bridge", "none")
        box.output("mkdir", "-p", f"{engine.data}/containers")
        box.output("mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", f"{engine.data}/containers")
        try:
            yield engine.start()
        finally:
            engine.end()


def test_full_disk(small: Engine) -> None:
    """A start on a full disk fails with the kernel's words and leaves nothing; with room again it works."""
    engine, box = small, small.box
    engine.load_demo(IMAGE)
    engine.ok("run", "--rm", IMAGE, "true")
    ident = engine.ok("create", IMAGE, "sleep", "1000")
    before = look(engine)
    filler = f"{engine.data}/containers/filler"
    box.run("dd", "if=/dev/zero", f"of={filler}", "bs=4k")
    done = engine.docker("start", ident)
    assert done.returncode != 0
    assert b"o space left on device" in done.stderr or b"disk is full" in done.stderr, done.stderr
    box.output("rm", filler)
    removed_before = replace(before, directories=before.directories | {ident})
    assert_no_leaks(engine, removed_before)
    assert engine.inspect(ident)["State"]["Status"] == "created"
    engine.ok("start", ident)
    removed(engine, ident)
