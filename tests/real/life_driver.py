"""The driver of the model of a life (tests/life_model.py) on an engine's API: HTTP on its socket, as any client.

The containers' processes read the code to exit with from fifos in a directory of the test's.
"""

import contextlib
import http.client
import json
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.life_model import OK, Answer, Seen
from tests.parity.side import UnixConnection
from wherry.state.record import Phase

SECONDS = 30
POLL = 0.01
ROUTES = {
    "start": ("POST", "/containers/{}/start"),
    "stop": ("POST", "/containers/{}/stop?t=0"),
    "restart": ("POST", "/containers/{}/restart?t=0"),
    "kill": ("POST", "/containers/{}/kill"),
    "pause": ("POST", "/containers/{}/pause"),
    "unpause": ("POST", "/containers/{}/unpause"),
    "rename": ("POST", "/containers/{}/rename"),
    "remove": ("DELETE", "/containers/{}?v=1"),
    "remove by force": ("DELETE", "/containers/{}?v=1&force=1"),
    "inspect": ("GET", "/containers/{}/json"),
    "exec": ("POST", "/containers/{}/exec"),
    "start exec": ("POST", "/exec/{}/start"),
    "inspect exec": ("GET", "/exec/{}/json"),
}


class HttpWaiting:
    """A wait whose head has come."""

    def __init__(self, api: UnixConnection, answer: http.client.HTTPResponse) -> None:
        self._api, self._answer, self._sock = api, answer, api.sock

    def answered(self) -> bool:
        return bool(select.select([self._sock], [], [], 0)[0])

    def code(self) -> int:
        return int(json.loads(self._answer.read())["StatusCode"])

    def close(self) -> None:
        self._answer.close()
        self._api.close()


class HttpDriver:
    """An engine by its API. `again` kills and boots it, once in a life; `check_end` is called when all is removed."""

    names = ("life-boat", "life-ship", "life-harbour")

    def __init__(
        self,
        socket: str,
        image: str,
        directory: Path,
        check_end: Callable[[], None],
        again: Callable[[], None] | None = None,
    ) -> None:
        self.crashes = 0 if again is None else 1
        self._again, self._check_end = again, check_end
        self._socket, self._image, self._directory = socket, image, directory
        self._fifos: dict[str, Path] = {}
        self._made: list[str] = []
        self._api = UnixConnection(socket)

    def _call(self, method: str, path: str, body: object = None, api: UnixConnection | None = None) -> Any:
        api = api or self._api
        api.request(method, f"/v1.51{path}", body and json.dumps(body), {"Content-Type": "application/json"})
        return api.getresponse()

    def _fifo(self, name: str) -> str:
        """Make a fifo and return the command that exits with what is written to it."""
        self._fifos[name] = path = self._directory / name
        os.mkfifo(path)
        return f"read code < /life/{name}; exit $code"

    def create(self, name: str) -> str:
        fifo = f"first{len(self._fifos)}"
        wish = {
            "Image": self._image,
            "Cmd": ["sh", "-c", self._fifo(fifo)],
            "HostConfig": {"Binds": [f"{self._directory}:/life"], "NetworkMode": "none"},
        }
        answer = self._call("POST", f"/containers/create?name={name}", wish)
        ident = str(json.loads(answer.read())["Id"])
        self._fifos[ident] = self._fifos.pop(fifo)
        self._made.append(ident)
        return ident

    def ask(self, verb: str, ref: str, **options: Any) -> Answer:
        method, path = ROUTES[verb]
        if options:
            path += "?" + urlencode(options)
        body: object = {"Detach": True} if verb == "start exec" else None
        fifo = f"exec{len(self._fifos)}"
        if verb == "exec":
            body = {"Cmd": ["sh", "-c", self._fifo(fifo)]}
        answer = _answer(self._call(method, path.format(ref), body))
        if verb == "exec" and answer.status == OK:
            self._fifos[answer.body["Id"]] = self._fifos[fifo]
        return answer

    def wait(self, ref: str, condition: str) -> Answer:
        api = UnixConnection(self._socket)
        answer = self._call("POST", f"/containers/{ref}/wait?condition={condition}", api=api)
        if answer.status != OK:
            refusal = _answer(answer)
            api.close()
            return refusal
        return Answer(OK, body=HttpWaiting(api, answer))

    def seen(self, ident: str) -> Seen | None:
        answer = self.ask("inspect", ident)
        if answer.status != OK:
            return None
        state = answer.body["State"]
        return Seen(Phase(state["Status"]), state["ExitCode"], answer.body["Name"].removeprefix("/"))

    def end(self, ident: str, code: int) -> None:
        self._fifos[ident].write_text(f"{code}\n")  # waits for the process to read
        _until(lambda: self.ask("inspect", ident).body["State"]["Status"] == "exited")

    def end_exec(self, exec_id: str, code: int) -> None:
        self._fifos[exec_id].write_text(f"{code}\n")

    def exec_over(self, exec_id: str) -> None:
        _until(lambda: not self.ask("inspect exec", exec_id).body["Running"])

    def crash(self) -> None:
        assert self._again is not None
        self._api.close()
        self._again()

    def check(self) -> None:
        """What is held is looked at when all is removed."""

    def close(self) -> None:
        for ident in self._made:
            self.ask("remove by force", ident)
        self._api.close()
        for path in self._directory.iterdir():
            path.unlink()
        self._check_end()


def _answer(answer: http.client.HTTPResponse) -> Answer:
    data = answer.read()
    with contextlib.suppress(ValueError):
        data = json.loads(data)
    if answer.status < 300:
        return Answer(OK, body=data or None)
    return Answer(answer.status, data["message"] if isinstance(data, dict) else "", data)


def _until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < end, "too late"
        time.sleep(POLL)
