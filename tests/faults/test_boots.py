"""kill -9 of containerd, a shim, a keeper and the zygote, and of the daemon again, at every point of a boot.

One container runs and another's start was cut. The daemon stops itself at the point, the process is killed, the daemon
goes on: it comes up, or it says in one line why not and the next boot does. Nothing is left.
"""

import pytest

from tests.faults.cells import OPTIONS, PROCESSES, STEPS, kill_all, removed, settled
from tests.faults.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks

PARTS = [f"boot.{part}" for part in ("runtimes", "networks", "volumes", "names", "records", "sweep", "done")]
SETTLING = [f"{name}.release" for name in STEPS] + [
    f"move.{verb}.{when}" for verb in ("failed", "exit") for when in ("before", "after")
]
"""What the boot does: it gives back the cut start, and stops the other unless it is to live on."""
KEPT = [*PARTS, *(point for point in SETTLING if "exit" not in point)]


def scene(engine: Engine) -> tuple[str, str]:
    """One that runs and one whose start was cut by the end of the daemon; returns their ids."""
    running = engine.ok("run", "-d", *OPTIONS, IMAGE, "sleep", "1000")
    cut = engine.ok("create", "--stop-timeout", "1", IMAGE, "sleep", "1000")
    engine.kill()
    engine.start("--live-restore", faults="run.after=kill")
    assert engine.docker("start", cut).returncode != 0
    engine.wait_end()
    return running, cut


def boot(engine: Engine, point: str, process: str, *flags: str) -> None:
    """Boot, and kill the process at the point; a daemon that does not come up then says why, and the next one does."""
    seen = engine.log.stat().st_size
    engine.start(*flags, faults=f"{point}=stop", ready=False)
    engine.wait_stopped()
    if process == "daemon":
        engine.kill()
        engine.start(*flags)
        return
    kill_all(engine, process)
    engine.proceed()
    if not engine.comes_up():
        said = engine.log.read_bytes()[seen:].decode()
        assert " ERROR " in said, said
        assert "Traceback" not in said, said
        engine.start(*flags)


def gone(engine: Engine, clean: Look, running: str, cut: str) -> None:
    """Both go, the next one runs, and nothing is left."""
    settled(engine, cut, "created", "exited")
    for ident in (running, cut):
        removed(engine, ident)
    assert engine.ok("run", "--rm", IMAGE, "echo", "well") == "well"
    assert_no_leaks(engine, clean)


@pytest.mark.slice
@pytest.mark.parametrize("process", [*PROCESSES, "daemon"])
@pytest.mark.parametrize("point", [*PARTS, *SETTLING])
def test_boot_that_stops(engine: Engine, clean: Look, point: str, process: str) -> None:
    running, cut = scene(engine)
    boot(engine, point, process)
    settled(engine, running, "exited")
    gone(engine, clean, running, cut)


@pytest.mark.slice
@pytest.mark.parametrize("process", [*PROCESSES, "daemon"])
@pytest.mark.parametrize("point", KEPT)
def test_boot_that_keeps(engine: Engine, clean: Look, point: str, process: str) -> None:
    """With live-restore what runs goes on, unless its parent is killed: the shim, on a direct tier the keeper."""
    running, cut = scene(engine)
    boot(engine, point, process, "--live-restore")
    ended = process == ("keeper" if engine.tier else "shim")
    settled(engine, running, "exited" if ended else "running")
    if not ended:
        assert "sleep 1000" in engine.ok("top", running)
    gone(engine, clean, running, cut)
