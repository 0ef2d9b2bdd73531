"""Which containerd is adopted, which is ended: with a program that only answers Version in containerd's place."""

import asyncio
import os
import signal
import sys
import textwrap
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter, System, Unavailable
from wherry.containerd.child import ContainerdChild
from wherry.containerd.config import config_text, socket_path
from wherry.containerd.launch import Launch
from wherry.containerd.process import Identity, Process, identify

ANSWERS = """\
    import asyncio, grpc, sys, tomllib
    from grpc import aio

    async def version(request, context):
        return b"\\x0a\\x032.1"

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(version)

    async def main():
        with open(sys.argv[-1], "rb") as file:
            address = tomllib.load(file)["grpc"]["address"]
        server = aio.server()
        server.add_generic_rpc_handlers((Handler(),))
        server.add_insecure_port("unix://" + address)
        await server.start()
        await server.wait_for_termination()

    asyncio.run(main())
"""
DIES = """\
    import sys
    print("boom: bolt is broken", file=sys.stderr)
    sys.exit(3)
"""


def program(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(text)}")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Path]:
    """A directory whose containerd is ended when the test has ended."""
    program(tmp_path / "ctd", ANSWERS)
    yield tmp_path
    await make(tmp_path).stop()


def make(place: Path, binary: str = "ctd") -> ContainerdChild:
    return ContainerdChild(f"{place}/data/containerd", f"{place}/run", f"{place}/{binary}")


def test_the_configuration_is_toml_and_quotes_its_paths() -> None:
    config = tomllib.loads(config_text('/data/"x"\n', "/run/é"))
    assert config["version"] == 2
    assert config["root"] == '/data/"x"\n'
    assert config["state"] == "/run/é/state"
    assert config["grpc"]["address"] == "/run/é/containerd.sock"
    assert "io.containerd.grpc.v1.cri" in config["disabled_plugins"]
    assert all(len(name.split(".")) >= 4 for name in config["disabled_plugins"])


def test_a_path_too_long_for_a_socket_is_refused_by_name() -> None:
    assert socket_path("/run/wherry/containerd") == "/run/wherry/containerd/containerd.sock"
    with pytest.raises(InvalidParameter, match="--exec-root"):
        socket_path("/" + "x" * 90)


def test_identity_tells_processes_apart() -> None:
    me = identify(os.getpid())
    held = Process.open(me)
    assert held is not None
    held.close()
    for other in (
        Identity(me.boot_id, me.pid, me.start_time + 1),
        Identity("another boot", me.pid, me.start_time),
        Identity(me.boot_id, 2**22 - 1, me.start_time),
    ):
        assert Process.open(other) is None
    with pytest.raises(ProcessLookupError):
        identify(2**22 - 1)


async def test_a_process_is_waited_for_by_several_and_reaped_in_words(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    process = Process.spawn("/bin/sh", ["sh", "-c", 'echo "$A$0"; exec sleep 60', "x"], {"A": "a", "PATH": "/bin"}, log)
    assert os.getsid(process.identity.pid) == process.identity.pid
    waiters = [asyncio.create_task(process.wait()) for _ in range(2)]
    process.signal(signal.SIGKILL)
    await asyncio.wait_for(asyncio.gather(*waiters), 5)
    assert process.reap() == "signal 9"
    assert process.reap() == "status unknown"
    process.signal(signal.SIGTERM)
    process.close()


async def test_an_exit_status_is_told(tmp_path: Path) -> None:
    process = Process.spawn("/bin/sh", ["sh", "-c", "echo out; echo err >&2; exit 3"], {}, str(tmp_path / "log"))
    await asyncio.wait_for(process.wait(), 5)
    assert process.reap() == "status 3"
    assert (tmp_path / "log").read_text() == "out\nerr\n"
    process.close()


def test_fingerprints_differ_by_configuration_and_program(tmp_path: Path) -> None:
    one, two = program(tmp_path / "one", DIES), program(tmp_path / "two", DIES)
    prints = {
        Launch(one, "/r", "/s").fingerprint(),
        Launch(two, "/r", "/s").fingerprint(),
        Launch(one, "/other", "/s").fingerprint(),
    }
    assert len(prints) == 3
    assert Launch(one, "/r", "/s").fingerprint() in prints
    program(tmp_path / "one", DIES + "\n")
    assert Launch(one, "/r", "/s").fingerprint() not in prints


async def test_a_containerd_that_fits_is_adopted(place: Path) -> None:
    first = make(place)
    assert await first.start() == f"{place}/run/containerd.sock"
    second = make(place)
    await second.start()
    assert second.pid == first.pid
    program(place / "ctd", ANSWERS + "\n")
    third = make(place)
    await third.start()
    assert third.pid != first.pid
    assert await asyncio.wait_for(first.wait_exit(), 5)
    await third.stop()
    assert not Path(f"{place}/run/child.json").exists()
    assert Launch(f"{place}/ctd", f"{place}/data/containerd", f"{place}/run").find() is None


async def test_one_without_a_record_is_found_by_its_socket_and_replaced(place: Path) -> None:
    first = make(place)
    await first.start()
    Path(f"{place}/run/child.json").write_text("{torn")
    second = make(place)
    await second.start()
    assert second.pid != first.pid
    assert await asyncio.wait_for(first.wait_exit(), 5)


async def test_one_that_ends_is_started_again_until_stopped(place: Path) -> None:
    child = make(place)
    await child.start()
    before, restarted = child.pid, asyncio.Event()

    async def on_restart() -> None:
        restarted.set()

    watch = asyncio.create_task(child.supervise(on_restart))
    os.kill(before, signal.SIGKILL)
    await asyncio.wait_for(restarted.wait(), 20)
    assert child.pid != before
    await child.stop()
    await asyncio.wait_for(watch, 5)


async def test_one_that_does_not_come_up_is_quoted(tmp_path: Path) -> None:
    program(tmp_path / "dies", DIES)
    with pytest.raises(System, match=r"ended at its start \(status 3\): boom: bolt is broken \(see .*containerd.log\)"):
        await make(tmp_path, "dies").start()
    with pytest.raises(System, match="is not installed: install containerd"):
        await make(tmp_path, "missing").start()
    with pytest.raises(Unavailable):
        await make(tmp_path).wait_exit()


async def test_stopping_what_was_never_started_is_fine(tmp_path: Path) -> None:
    await make(tmp_path).stop()


def test_a_large_log_is_put_aside_under_its_writer(tmp_path: Path) -> None:
    launch = Launch("x", f"{tmp_path}/containerd", f"{tmp_path}/run")
    launch.trim_log()
    with open(launch.log_path, "ab", buffering=0) as writer:
        writer.write(b"a" * 100)
        launch.trim_log(limit=100)
        assert os.stat(launch.log_path).st_size == 100
        launch.trim_log(limit=99)
        writer.write(b"last\n")
    assert Path(launch.log_path).read_bytes() == b"last\n"
    assert Path(f"{launch.log_path}.1").read_bytes() == b"a" * 100
    assert launch.last_words() == f"last (see {launch.log_path})"
