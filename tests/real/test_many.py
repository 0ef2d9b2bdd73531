"""Many containers at once, clients that hang up, a daemon that is killed: nothing leaks, nothing stays behind.

`MANY` says how many containers (60, and 200 in `make soak`); every tenth client hangs up in the middle of a start.
"""

import contextlib
import http.client
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look
from wherry.containers.turns import slots

MANY = int(os.environ.get("MANY", "60"))
IN_FLIGHT = 16
HANGS_UP = 10
"""One client in so many."""
STARTS = 5
"""Between two deaths of the daemon; each costs the lives that are in flight."""
SECONDS = 120


class Connection(http.client.HTTPConnection):
    """A connection to the engine's socket."""

    def __init__(self, engine: Engine) -> None:
        super().__init__("docker", timeout=SECONDS)
        self._path = str(engine.socket)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        self.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = self.getresponse()
        return answer.status, answer.read()


def live(engine: Engine, up: threading.Event, number: int) -> bool:
    """Create, start and remove a container once the daemon is there; whether it stayed there for all of it."""
    up.wait(SECONDS)
    try:
        with contextlib.closing(Connection(engine)) as api:
            wish = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "StopSignal": "KILL", "Volumes": {"/v": {}}}
            status, body = api.ask("POST", "/containers/create", wish)
            assert status == 201, body
            ident = json.loads(body)["Id"]
            if number % HANGS_UP == 0:
                with contextlib.closing(Connection(engine)) as leaver:
                    leaver.request("POST", f"/containers/{ident}/start")  # and gone, before the answer
            else:
                status, body = api.ask("POST", f"/containers/{ident}/start")
                assert status == 204, body
            status, body = api.ask("DELETE", f"/containers/{ident}?force=1&v=1")
            assert status == 204, body
            return True
    except (OSError, http.client.HTTPException):
        return False  # the daemon died meanwhile


def test_many_at_once(own_bridge: Engine) -> None:
    engine = own_bridge.start()
    engine.load_demo(IMAGE)
    engine.ok("run", "--rm", IMAGE, "true")
    before = look(engine)
    up = threading.Event()
    up.set()
    with ThreadPoolExecutor(IN_FLIGHT) as clients:
        lives = clients.map(partial(live, engine, up), range(MANY))
        for _ in range(2):
            engine.wait_log("wherry.start: start", STARTS, engine.log.stat().st_size)
            up.clear()
            engine.kill()
            engine.start()
            up.set()
        assert sum(lives) >= MANY - 2 * IN_FLIGHT, "a death of the daemon costs what is in flight, and nothing else"
    states = engine.ok("ps", "-a", "--format", "{{.State}}").split()
    assert not {"removing", "dead"} & set(states), states
    engine.remove_all()
    assert_no_leaks(engine, before)


def test_a_start_that_waits_is_shown_and_called_off(own: Engine) -> None:
    """Every turn is taken by starts that hang; what waits behind them can be looked at, killed, stopped, removed."""
    own.start(faults="volumes.after=hang*")
    own.load_demo(IMAGE)
    before = look(own)
    most = slots(len(os.sched_getaffinity(0)), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    hung = [own.ok("create", IMAGE, "true") for _ in range(most)]
    waiting = [own.ok("create", IMAGE, "true") for _ in range(3)]
    with ThreadPoolExecutor(most + len(waiting)) as starts:
        try:
            answers = [starts.submit(own.docker, "start", ident) for ident in hung]
            own.wait_log("hangs at volumes.after", most)
            late = []
            for place, ident in enumerate(waiting, 1):
                late.append(starts.submit(own.docker, "start", ident))
                shown = waits(own, ident)
                assert (shown["State"]["Status"], shown["Wherry"]["UnderWay"]["Place"]) == ("created", place)
            for verb, ident in zip((("kill",), ("stop",), ("rm", "-f")), waiting, strict=True):
                own.ok(*verb, ident)
            assert all(b"was called off" in answer.result().stderr for answer in late)
        finally:
            own.ok("rm", "-f", *hung, *waiting[:2])
        assert [answer.result().returncode for answer in answers] == [1] * most
    assert_no_leaks(own, before)


def waits(engine: Engine, ident: str) -> Any:
    """Return what inspect shows of a start once it waits for its turn."""
    for _ in range(600):
        shown = engine.inspect(ident)
        if "Place" in shown["Wherry"].get("UnderWay", {}):
            return shown
    raise AssertionError(shown["Wherry"])
