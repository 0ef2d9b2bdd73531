"""The boot of the daemon as its clients see it: nobody is refused, nobody sees wrong state, a failure is told."""

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look

SECONDS = 30.0
GRACE = 8
"""Seconds that the one container takes to be stopped by a boot without live-restore."""


class Client(http.client.HTTPConnection):
    """A client that has connected as soon as the daemon's socket was there."""

    def __init__(self, engine: Engine) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        while engine.running:  # a look at the file, and no sleep: it is there soon
            try:
                self.sock.connect(str(engine.socket))
            except OSError:
                continue
            break

    def ask(self, target: str) -> tuple[int, Any]:
        self.request("GET", target)
        answer = self.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.headers["Content-Type"] == "application/json" else body


def behind(call: Callable[[], object]) -> tuple[threading.Thread, list[Any]]:
    """Run a call in a thread; its result is the list's one item once the thread has ended."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    return thread, found


@pytest.fixture
def stubborn(own: Engine) -> str:
    """A container that a boot has to stop, and that takes its whole grace; the daemon is gone. Returns its id."""
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", "--stop-timeout", str(GRACE), IMAGE, "sh", "-c", "trap '' TERM; sleep 1000")
    own.kill()
    own.socket.unlink()
    return ident


def test_early_clients_wait_and_see_what_is_true(own: Engine, stubborn: str) -> None:
    own.start(ready=False)
    waiting = Client(own)
    thread, found = behind(lambda: waiting.ask(f"/containers/{stubborn}/json"))
    asking = Client(own)
    assert asking.ask("/_ping") == (200, b"OK")
    status, info = asking.ask("/info")
    assert (status, info["Containers"]) == (200, 1)
    assert "WARNING: restoring containers: 0 of 1" in info["Warnings"]
    assert thread.is_alive()
    own.wait_for("READY=1")
    thread.join()
    ((status, shown),) = found
    assert (status, shown["State"]["Status"]) == (200, "exited")
    _, info = asking.ask("/info")
    assert not [line for line in info["Warnings"] or () if "restoring" in line]
    own.wait_log("containers restored: 1")


def test_a_boot_that_fails_tells_who_waits(own: Engine) -> None:
    own.start(faults="boot.records=error", ready=False)
    status, answer = Client(own).ask("/containers/json")
    assert status == 503
    assert answer == {"message": "the engine does not start: failpoint boot.records"}
    assert own.wait_end() == 1
    assert not own.socket.exists()
    assert own.processes() == []


def test_sigterm_ends_a_boot(own: Engine, stubborn: str) -> None:
    own.start(ready=False)
    waiting = Client(own)
    thread, found = behind(lambda: waiting.ask("/containers/json"))
    info: dict[str, Any] = {}
    asking = Client(own)
    while "Containers" not in info:
        _, info = asking.ask("/info")
    os.kill(own.pid, signal.SIGTERM)
    assert own.wait_end(GRACE / 2) == 0
    thread.join()
    assert found == [(503, {"message": "the engine was told to stop while it started"})]
    assert not own.socket.exists()
    own.start()
    before = look(own)
    own.ok("rm", stubborn)
    assert own.ok("run", "--rm", IMAGE, "echo", "well") == "well"
    assert_no_leaks(own, before)


def test_sigterm_before_containerd_answers(own: Engine) -> None:
    own.start(ready=False)
    assert Client(own).ask("/_ping") == (200, b"OK")
    assert own.stop() == 0
    assert not own.socket.exists()
    assert own.processes() == []
