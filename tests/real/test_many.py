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

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look

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
