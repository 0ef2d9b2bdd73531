"""What a case of the suite is: steps that are done on both engines, one after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from tests.parity.side import IMAGE, LABEL, Side

Json = Any
Names = dict[str, str]
"""What braces in paths, bodies and command lines stand for, such as {c}: the container of the case."""
V = "/v1.51"


class Step(Protocol):
    """One thing that a client does."""

    @property
    def label(self) -> str:
        """How the answer is called in a difference."""
        ...

    def do(self, side: Side, names: Names) -> Json:
        """Do it and return the answer."""
        ...


@dataclass(frozen=True)
class Call:
    """One HTTP request. `keep` names the Id of the answer for the steps behind it."""

    method: str
    path: str
    query: dict[str, str] | str = ""
    body: Json = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    version: str = V
    keep: str = ""

    @property
    def label(self) -> str:
        return f"{self.method} {self.path.rsplit('/', 1)[-1]}"

    def do(self, side: Side, names: Names) -> Json:
        answer = side.call(self.method, self.target(names), fill(self.body, names), self.headers, self.raw)
        if self.keep and isinstance(answer["body"], dict):
            names[self.keep] = answer["body"].get("Id", "absent")
        return answer

    def target(self, names: Names) -> str:
        """Return path and query as sent."""
        query = self.query if isinstance(self.query, str) else urlencode(fill(self.query, names))
        return fill(f"{self.version}{self.path}", names) + (f"?{query}" if query else "")


@dataclass(frozen=True)
class Hijack:
    """A request that takes over its connection; `then` are calls made once its head has come."""

    path: str
    query: str = ""
    body: Json = None
    send: bytes = b""
    upgrade: bool = True
    then: tuple[Call, ...] = ()
    version: str = V

    @property
    def label(self) -> str:
        return f"hijack {self.path.rsplit('/', 1)[-1]}"

    def do(self, side: Side, names: Names) -> Json:
        def go_on() -> None:
            for call in self.then:
                call.do(side, names)

        target = fill(f"{self.version}{self.path}", names) + (f"?{self.query}" if self.query else "")
        return side.hijack(target, fill(self.body, names), self.send, self.upgrade, go_on)


@dataclass(frozen=True)
class Cli:
    """One command of the docker CLI."""

    arguments: tuple[str, ...]
    stdin: bytes | None = None

    @property
    def label(self) -> str:
        return f"docker {self.arguments[0]}"

    def do(self, side: Side, names: Names) -> Json:
        return side.docker(*fill(list(self.arguments), names), stdin=self.stdin)


@dataclass(frozen=True)
class Case:
    """A name, what is there before, and the steps whose answers are compared."""

    name: str
    steps: tuple[Step, ...]
    setup: tuple[Step, ...] = ()

    def run(self, side: Side) -> dict[str, Json]:
        """Do it all on one side and return the answers by step; what it made is removed."""
        names: Names = {"image": side.image, "dir": side.directory("shared")}
        try:
            for step in self.setup:
                answer = step.do(side, names)
                assert not failed(answer), f"{self.name}: {step}: {answer}"
            if len(self.steps) == 1:
                return self.steps[0].do(side, names)
            return {f"{n} {step.label}": step.do(side, names) for n, step in enumerate(self.steps, 1)}
        finally:
            side.clean()


def failed(answer: Json) -> bool:
    """Tell whether a step that must work did not; a hijack's status is a line of text."""
    status = answer.get("status", 200)
    return bool(answer.get("code")) or (isinstance(status, int) and status >= 400)


def case(name: str, *steps: Step, setup: Iterable[Step] = ()) -> Case:
    """Return a case."""
    return Case(name, steps, tuple(setup))


def fill(value: Json, names: Names) -> Json:
    """Return a value with the names in braces replaced, in every text of it."""
    if isinstance(value, dict):
        return {fill(key, names): fill(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, names) for item in value]
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
    return value


def create(name: str = "", keep: str = "c", version: str = V, **config: Json) -> Call:
    """Return the call that creates a container of the image; the command is a long sleep unless one is given."""
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], **config}
    return Call("POST", "/containers/create", {"name": name} if name else "", body, version=version, keep=keep)


def start(ref: str = "{c}") -> Call:
    return Call("POST", f"/containers/{ref}/start")


def wait(ref: str = "{c}") -> Call:
    return Call("POST", f"/containers/{ref}/wait")


def run(*arguments: str, stdin: bytes | None = None) -> Cli:
    """Return `docker run`, marked so that what it leaves is found again."""
    return Cli(("run", "--label", LABEL, *arguments), stdin)


def ended(ref: str = "{c}") -> tuple[Call, Call]:
    """Return the calls behind which the exit of a container is known everywhere.

    dockerd wakes waiters first and tells lists and events then, with the container locked: inspect waits for that.
    """
    return (wait(ref), Call("GET", f"/containers/{ref}/json"))


CREATED = (create("parity-one"),)
RUNNING = (*CREATED, start())
EXITED = (create("parity-one", Cmd=["sh", "-c", "echo out; exit 3"]), start(), *ended())
TERMINAL = (create("parity-one", Tty=True, OpenStdin=True), start())
STATES = {"created": CREATED, "running": RUNNING, "exited": EXITED}
