import ast
import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

import wherry.streams
from tests.unit.streams_harness import ARGV, SOON, gone
from wherry.base.errors import Conflict, InvalidParameter, NotFound, System, Unavailable
from wherry.host import packets
from wherry.host.forkserver import LOCK
from wherry.host.spawn import command
from wherry.host.zygote import Zygote


async def test_a_helper_answers_with_descriptors() -> None:
    zygote = await Zygote.start(None, ARGV)
    read, write = os.pipe()
    answer, fds = await zygote.order("echo", {"a": [1]}, [write], deadline=SOON)
    assert answer == {"a": [1]}
    os.close(write)
    os.write(fds[0], b"x")
    assert os.read(read, 1) == b"x"
    packets.close_all([read, *fds])
    await zygote.close()


async def test_failures_come_back_as_kinds(tmp_path: Path) -> None:
    zygote = await Zygote.start(None, ARGV)
    with pytest.raises(Conflict, match="already there"):
        await zygote.order("fail", {"how": "kind"}, deadline=SOON)
    with pytest.raises(System, match=f"fail {tmp_path}/x: No such file or directory"):
        await zygote.order("fail", {"how": "errno", "path": f"{tmp_path}/x"}, deadline=SOON)
    with pytest.raises(System, match="the helper ended without an answer"):
        await zygote.order("fail", {"how": "exit"}, deadline=SOON)
    with pytest.raises(NotFound, match="no job 'nope'"):
        await zygote.order("nope", {}, deadline=SOON)
    with pytest.raises(InvalidParameter, match="at most"):
        await zygote.order("echo", {"a": "x" * packets.SIZE}, deadline=SOON)
    await zygote.close()


async def test_many_helpers_at_once() -> None:
    zygote = await Zygote.start(None, ARGV)
    answers = await asyncio.gather(*(zygote.order("echo", {"n": n}, deadline=SOON) for n in range(40)))
    assert [answer["n"] for answer, _ in answers] == list(range(40))
    await zygote.close()


async def test_only_the_standard_library_and_a_few_modules_of_ours_are_loaded() -> None:
    """What is imported later than the fork would be paid for by every container."""
    zygote = await Zygote.start(None, ARGV)
    answer, _ = await zygote.order("modules", {}, deadline=SOON)
    ours = {name for name in answer["modules"] if name.split(".")[0] == "wherry"}
    foreign = {name for name in answer["modules"] if name.split(".")[0] not in sys.stdlib_module_names}
    assert foreign - ours <= {"__main__", "tests", "tests.unit", "tests.unit.streams_program"}
    assert ours <= {
        "wherry",
        "wherry.base",
        "wherry.base.errors",
        "wherry.base.units",
        "wherry.host",
        "wherry.host.forkserver",
        "wherry.host.inotify",
        "wherry.host.packets",
        "wherry.host.proc",
        "wherry.streams",
        *(
            f"wherry.streams.{name}"
            for name in ("children", "client", "control", "detach", "drivers", "entries", "frames", "keeper", "lines")
        ),
        *(f"wherry.streams.{name}" for name in ("logdrivers", "logtarget", "memory", "parent", "pipes", "process")),
        *(f"wherry.streams.{name}" for name in ("reactor", "rotation", "tally")),
        "wherry.streams.logdrivers.json_file",
        "wherry.streams.logdrivers.none",
    }
    assert not {"asyncio", "ssl", "typing_extensions"} & set(answer["modules"])
    assert set(answer["environ"]) <= {"LC_CTYPE"}
    await zygote.close()


def test_a_keeper_imports_nothing_later() -> None:
    """The modules of a keeper's code are those of the zygote: no import stands inside a function of ours."""
    for path in Path(wherry.streams.__path__[0]).glob("**/*.py"):
        tree = ast.parse(path.read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside = [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert not inside, path


async def test_a_helper_holds_the_lock_and_its_own_descriptors() -> None:
    zygote = await Zygote.start(None, ARGV)
    answer, _ = await zygote.order("descriptors", {}, deadline=SOON)
    assert answer["open"] == [0, 1, 2, LOCK, LOCK + 1]
    await zygote.close()


async def test_a_cancelled_order_waits_for_its_helper() -> None:
    zygote = await Zygote.start(None, ARGV)
    task = asyncio.create_task(zygote.order("echo", {}, [0], deadline=SOON))
    before = len(os.listdir("/proc/self/fd"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(os.listdir("/proc/self/fd")) == before
    await zygote.close()


async def test_it_ends_with_its_daemon_and_leaves_no_zombie() -> None:
    zygote = await Zygote.start(None, ARGV)
    pid = zygote.pid
    await zygote.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unavailable, match="echo: the zygote has ended"):
        await zygote.order("echo", {}, deadline=SOON)


async def test_it_ends_after_its_helpers() -> None:
    zygote = await Zygote.start(None, ARGV)
    theirs, ours = os.pipe()
    asking = asyncio.create_task(zygote.order("read", {}, [theirs], deadline=SOON))
    await asyncio.sleep(0)  # it is sent
    await zygote.order("echo", {}, deadline=SOON)  # so the one before it runs
    closing = asyncio.create_task(zygote.close())
    await asyncio.wait([closing], timeout=0.05)
    assert not closing.done()
    os.write(ours, b"x")
    assert await asking == ({"got": "x"}, [])
    await closing
    packets.close_all([theirs, ours])


async def test_a_dead_one_is_replaced() -> None:
    zygote = await Zygote.start(None, ARGV)
    first = zygote.pid
    os.kill(first, signal.SIGKILL)
    await gone(first)
    answers = await asyncio.gather(*(zygote.order("echo", {"n": n}, deadline=SOON) for n in range(3)))
    assert len(answers) == 3
    assert zygote.pid != first
    await zygote.close()


async def test_a_program_that_does_not_start_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(System, match="start the zygote: it ended before it was ready"):
        await Zygote.start(None, command("wherry.no_such_program"))
    assert "No module named" in capfd.readouterr().err
    with pytest.raises(System, match="start the zygote: No such file"):
        await Zygote.start(None, ["/no/such/interpreter"])
