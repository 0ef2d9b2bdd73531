"""The leak detector finds what the resolver keeps of a container that has ended."""

import subprocess
import sys

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look

SOCKETS = ("socket inet dgram", "socket inet stream")
KEEPS_A_SOCKET = """
import socket, sys
kept = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sys.stderr.write("ready\\n")
sys.stdin.read()
"""


def test_a_sandbox_that_is_still_served_is_found(own_bridge: Engine) -> None:
    engine = own_bridge
    engine.start(faults="names.release=error*").load_demo(IMAGE)
    engine.ok("network", "create", "back")
    before = look(engine)
    engine.ok("run", "-d", "--name", "aa", "--network", "back", IMAGE, "sleep", "1000")
    engine.ok("kill", "aa")
    engine.wait_log("could not release names, it stays owed")
    kept = look(engine).leaks(before)["held"]
    for who in ("resolver", "daemon"):
        assert [line.partition(" in net:")[0] for line in kept if line.startswith(who) and " in net:" in line] == [
            f"{who}: {what}" for what in SOCKETS
        ]
    assert {f"resolver: {what} no. 1" for what in SOCKETS} < set(kept)
    with pytest.raises(AssertionError, match="left behind: .*resolver: socket inet dgram in net:"):
        assert_no_leaks(engine, before)
    engine.kill()
    engine.start()
    engine.remove_all()
    assert_no_leaks(engine, before)


def test_a_namespace_that_only_a_socket_holds_is_found(engine: Engine) -> None:
    """Nothing but the process's descriptors tells of it: the pin, the container and its links are gone."""
    engine.ok("network", "create", "back")
    before = look(engine)
    engine.ok("run", "-d", "--name", "aa", "--network", "back", IMAGE, "sleep", "1000")
    key = engine.inspect("aa")["NetworkSettings"]["SandboxKey"]
    with (
        open(engine.exec / "names" / "names.log", "ab") as log,
        subprocess.Popen(
            engine.box.enter("nsenter", f"--net={key}", sys.executable, "-c", KEEPS_A_SOCKET),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.PIPE,
        ) as keeper,
    ):
        assert keeper.stdin is not None
        assert keeper.stderr is not None
        assert keeper.stderr.readline() == b"ready\n"
        engine.ok("rm", "-f", "aa")
        found = look(engine).leaks(before)
        keeper.stdin.close()
    assert list(found) == ["held"]
    assert [line for line in found["held"] if "resolver: socket inet dgram in net:" in line]
    assert_no_leaks(engine, before)
    engine.ok("network", "rm", "back")
