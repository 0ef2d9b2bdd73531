"""A container's life against a model of it: any verb at any time, what is refused and in which words, what remains.

The model is Docker's move table (start.md 1.5 and 7). It is driven on the verbs with fakes (tests/unit), and on a real
engine and the peer through their API (tests/real, tests/parity); each is a `Driver`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wherry.state.record import Phase

P = Phase
AT_REST = (P.CREATED, P.EXITED)
ALIVE = (P.RUNNING, P.PAUSED)
KILLED = 137
OK = 200
WAITERS = 4
"""Most that wait at once."""
EXECS = 3
"""Most execs that have not ended."""
UNKNOWN = "0" * 64
CONDITIONS = ("", "not-running", "next-exit", "removed", "ready")
NEW_NAMES = ("same", "free", "taken", "bad", "empty")


@dataclass(frozen=True)
class Answer:
    """What a verb said: OK for any success, else Docker's status and words (none with 304, which has no body)."""

    status: int
    words: str = ""
    body: Any = None


class Waiting(Protocol):
    """A wait that was not refused."""

    def answered(self) -> bool:
        """Whether there is an answer by now."""

    def code(self) -> int:
        """The answer's StatusCode; it is awaited."""

    def close(self) -> None:
        """Hang up."""


@dataclass(frozen=True)
class Seen:
    """What inspect says."""

    phase: Phase
    code: int
    name: str


class Driver(Protocol):
    """One engine under test. `ref` is a name or an id, of a container or, for the verbs of execs, of an exec."""

    names: tuple[str, str, str]
    """Of the container, to rename it to, and of the neighbour that is always there."""
    crashes: int
    """How often the engine may still be killed."""

    def create(self, name: str) -> str:
        """Create a container whose process lives until `end`; return its id."""

    def ask(self, verb: str, ref: str, **options: Any) -> Answer:
        """Do what the client asks."""

    def wait(self, ref: str, condition: str) -> Answer:
        """Stand in line; the body is a Waiting."""

    def seen(self, ident: str) -> Seen | None:
        """Inspect; None when there is no such container."""

    def end(self, ident: str, code: int) -> None:
        """Let the first process exit; whoever calls sees that the engine noticed."""

    def end_exec(self, exec_id: str, code: int) -> None:
        """Let an exec's process exit."""

    def exec_over(self, exec_id: str) -> None:
        """Wait until the engine has seen the end of an exec's process."""

    def crash(self) -> None:
        """kill -9 of the daemon between two requests, and a boot with live-restore."""

    def check(self) -> None:
        """Fail when something is held that no container needs."""

    def close(self) -> None:
        """The example is over: remove everything, then nothing may be left."""


NO_SUCH = (404, "No such container: {ref}")
NOT_RUNNING = (409, "container {id} is not running")
NOT_PAUSED = (409, "Container {id} is not paused")  # dockerd: 500, the one status that differs (weak place 24)
NOT_KILLED = (409, "cannot kill container: {ref}: container {id} is not running")
BUSY = (
    409,
    'cannot remove container "{ref}": container is running: stop the container before removing or force remove',
)
FROZEN = (409, 'cannot remove container "{ref}": container is paused and must be unpaused first')
FROZEN_EXEC = "Container {%s} is paused, unpause the container before exec"

Refusals = dict[Phase | None, tuple[int, str]]
REFUSALS: dict[str, Refusals] = {
    "start": {
        None: NO_SUCH,
        P.RUNNING: (304, ""),
        P.PAUSED: (409, "cannot start a paused container, try unpause instead"),
    },
    "stop": {None: NO_SUCH, P.CREATED: (304, ""), P.EXITED: (304, "")},
    "restart": {None: NO_SUCH},
    "kill": {
        None: (404, "cannot kill container: {ref}: No such container: {ref}"),
        P.CREATED: NOT_KILLED,
        P.EXITED: NOT_KILLED,
    },
    "pause": {
        None: NO_SUCH,
        P.CREATED: NOT_RUNNING,
        P.EXITED: NOT_RUNNING,
        P.PAUSED: (409, "Container {id} is already paused"),
    },
    "unpause": {None: NO_SUCH, P.CREATED: NOT_PAUSED, P.RUNNING: NOT_PAUSED, P.EXITED: NOT_PAUSED},
    "remove": {None: NO_SUCH, P.RUNNING: BUSY, P.PAUSED: FROZEN},
    "remove by force": {None: NO_SUCH},
    "exec": {
        None: NO_SUCH,
        P.CREATED: NOT_RUNNING,
        P.EXITED: NOT_RUNNING,
        P.PAUSED: (409, FROZEN_EXEC % "ref"),
    },
    "start exec": {P.CREATED: NOT_RUNNING, P.EXITED: NOT_RUNNING, P.PAUSED: (409, FROZEN_EXEC % "id")},
}
"""By verb and phase (None: there is no container); what is not here is done."""


@dataclass
class Exec:
    """What the model knows of an exec."""

    running: bool = False
    code: int | None = None


def there_is_one(verb: Callable[..., None]) -> Callable[..., None]:
    """A rule for a container; what is said when there is none is a rule of its own."""
    return precondition(lambda self: self.phase is not None)(verb)


class Life(RuleBasedStateMachine):
    """One container at a time; `phase` is what the model says of it, None for none."""

    driver: Callable[[], Driver]

    def __init__(self) -> None:
        super().__init__()
        self.engine = type(self).driver()
        self.name, _, taken = self.engine.names
        self.neighbour = self.engine.create(taken)
        self.ident, self.phase, self.code = UNKNOWN, None, 0
        self.execs: dict[str, Exec] = {}
        self.gone_execs = [UNKNOWN]
        self.waiting: list[tuple[str, Waiting]] = []

    def teardown(self) -> None:
        self._hang_up()
        self.engine.close()

    def _do(self, verb: str, by_name: bool = False, **options: Any) -> Any:
        """Ask; a refusal must be the table's. Returns what came, or None when it was refused."""
        ref = self.name if by_name else self.ident
        answer = self.engine.ask(verb, ref, **options)
        return self._judge(verb, ref, answer, REFUSALS[verb].get(self.phase))

    def _judge(self, verb: str, ref: str, answer: Answer, refusal: tuple[int, str] | None) -> Any:
        status, words = refusal or (OK, "")
        wanted = (status, words.format(ref=ref, id=self.ident))
        assert (answer.status, answer.words) == wanted, f"{verb} of {ref}, which is {self.phase}"
        return None if refusal else answer.body or True

    def _ended(self, code: int) -> None:
        """A run is over: whoever waited for that knows, execs were killed with it, the others are forgotten."""
        self.phase, self.code = P.EXITED, code
        self._answered(("", "not-running", "next-exit"))
        for exec_id in [exec_id for exec_id, found in self.execs.items() if found.running]:
            self._exec_ended(exec_id, KILLED)
        self._forget_execs({exec_id: found for exec_id, found in self.execs.items() if found.code is not None})

    def _exec_ended(self, exec_id: str, code: int) -> None:
        self.engine.exec_over(exec_id)
        self.execs[exec_id] = Exec(code=code)

    def _forget_execs(self, left: dict[str, Exec]) -> None:
        self.gone_execs = [UNKNOWN, *self.execs.keys() - left.keys()]
        self.execs = left

    def _answered(self, conditions: tuple[str, ...]) -> None:
        for _, waiting in [found for found in self.waiting if found[0] in conditions]:
            assert waiting.code() == self.code
            waiting.close()
        self.waiting = [found for found in self.waiting if found[0] not in conditions]

    def _hang_up(self) -> None:
        for _, waiting in self.waiting:
            waiting.close()
        self.waiting = []

    @initialize(running=st.booleans())
    def begin(self, running: bool) -> None:
        self.create(running)

    @precondition(lambda self: self.phase is None)
    @rule(running=st.booleans())
    def create(self, running: bool) -> None:
        self.ident = self.engine.create(self.name)
        self.phase, self.code = P.CREATED, 0
        if running:
            self.start(by_name=True)

    @precondition(lambda self: self.phase is None)
    @rule()
    def ask_what_is_not_there(self) -> None:
        self.refuse_everything()

    def refuse_everything(self) -> None:
        """Ask for all that this phase refuses."""
        for verb in [verb for verb, refusals in REFUSALS.items() if self.phase in refusals and verb != "start exec"]:
            for by_name in (True, False):
                self._do(verb, by_name)
        for to in [to for to in NEW_NAMES if self._no_rename(to)]:
            self.rename(to)
        for condition in CONDITIONS if self.phase is None else ("ready",):
            self.wait(condition, by_name=True)
        for exec_id in [exec_id for exec_id in (*self.execs, *self.gone_execs) if self._no_exec_start(exec_id)]:
            self._start_exec(exec_id)

    @there_is_one
    @rule(by_name=st.booleans())
    def start(self, by_name: bool) -> None:
        if self._do("start", by_name):
            self.phase, self.code = P.RUNNING, 0

    @there_is_one
    @rule(by_name=st.booleans())
    def stop(self, by_name: bool) -> None:
        if self._do("stop", by_name):
            self._ended(KILLED)

    @there_is_one
    @rule(by_name=st.booleans())
    def restart(self, by_name: bool) -> None:
        alive = self.phase in ALIVE
        if self._do("restart", by_name):
            if alive:
                self._ended(KILLED)
            self.phase, self.code = P.RUNNING, 0

    @there_is_one
    @rule(by_name=st.booleans(), signal=st.sampled_from(("KILL", "", "SIGNONE")))
    def kill(self, by_name: bool, signal: str = "KILL") -> None:
        if signal == "SIGNONE":
            answer = self.engine.ask("kill", self.name, signal=signal)
            self._judge("kill", self.name, answer, (400, "cannot kill container: {ref}: invalid signal: SIGNONE"))
        elif self._do("kill", by_name, signal=signal):
            self._ended(KILLED)

    @there_is_one
    @rule(by_name=st.booleans())
    def pause(self, by_name: bool) -> None:
        if self._do("pause", by_name):
            self.phase = P.PAUSED

    @there_is_one
    @rule(by_name=st.booleans())
    def unpause(self, by_name: bool) -> None:
        if self._do("unpause", by_name):
            self.phase = P.RUNNING

    @precondition(lambda self: self.phase is P.RUNNING)
    @rule(code=st.integers(0, 255))
    def end(self, code: int) -> None:
        self.engine.end(self.ident, code)
        self._ended(code)

    @there_is_one
    @rule(force=st.booleans(), by_name=st.booleans())
    def remove(self, force: bool, by_name: bool) -> None:
        alive = self.phase in ALIVE
        if self._do("remove by force" if force else "remove", by_name):
            if alive:
                self.code = KILLED
            self._answered(("", "not-running", "next-exit", "removed"))
            self.phase = None
            self._forget_execs({})

    @there_is_one
    @rule(to=st.sampled_from(NEW_NAMES))
    def rename(self, to: str) -> None:
        mine, spare, taken = self.engine.names
        free = spare if self.name == mine else mine
        name = {"same": self.name, "free": free, "taken": taken, "bad": "a b", "empty": ""}[to]
        answer = self.engine.ask("rename", self.ident, name=name)
        if self._judge("rename", self.ident, answer, self._no_rename(to)):
            self.name = name

    def _no_rename(self, to: str) -> tuple[int, str] | None:
        if to == "empty":
            return 400, "Neither old nor new names may be empty"
        if self.phase is None:
            return NO_SUCH
        failed = "Error when allocating new name: "
        return {
            "same": (400, "Renaming a container with the same name as its current name"),
            "bad": (400, f"{failed}Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
            "taken": (
                409,
                f'{failed}Conflict. The container name "/{self.engine.names[2]}" is already in use by container '
                f'"{self.neighbour}". You have to remove (or rename) that container to be able to reuse that name.',
            ),
        }.get(to)

    @precondition(lambda self: self.phase is not None and len(self.waiting) < WAITERS)
    @rule(condition=st.sampled_from(CONDITIONS), by_name=st.booleans())
    def wait(self, condition: str, by_name: bool) -> None:
        ref = self.name if by_name else self.ident
        refusal = NO_SUCH if self.phase is None else None
        if condition == "ready":
            refusal = (400, 'invalid condition: "ready"')
        waiting = self._judge("wait", ref, self.engine.wait(ref, condition), refusal)
        if waiting is not None:
            self.waiting.append((condition, waiting))
        if self.phase in AT_REST and condition in ("", "not-running"):
            self._answered((condition,))

    @precondition(lambda self: self.phase is not None and sum(e.code is None for e in self.execs.values()) < EXECS)
    @rule(by_name=st.booleans(), running=st.booleans())
    def create_exec(self, by_name: bool, running: bool) -> None:
        body = self._do("exec", by_name)
        if body is not None:
            self.execs[body["Id"]] = Exec()
            if running:
                self._start_exec(body["Id"])

    @precondition(lambda self: self.execs)
    @rule(which=st.integers(0, 2 * EXECS))
    def start_exec(self, which: int) -> None:
        known = [*self.execs, *self.gone_execs]
        self._start_exec(known[which % len(known)])

    def _start_exec(self, exec_id: str) -> None:
        answer = self.engine.ask("start exec", exec_id)
        if self._judge("start exec", exec_id, answer, self._no_exec_start(exec_id)):
            self.execs[exec_id].running = True

    def _no_exec_start(self, exec_id: str) -> tuple[int, str] | None:
        found = self.execs.get(exec_id)
        if found is None:
            return 404, f"No such exec instance: {exec_id}"
        if self.phase is not P.RUNNING:
            return REFUSALS["start exec"][self.phase]
        if found.code is not None:
            return 409, f"exec command {exec_id} has already run"
        return (409, f"exec command {exec_id} is already running") if found.running else None

    @precondition(lambda self: self.phase is P.RUNNING and any(found.running for found in self.execs.values()))
    @rule(code=st.integers(0, 255))
    def end_exec(self, code: int) -> None:
        running = next(exec_id for exec_id, found in self.execs.items() if found.running)
        self.engine.end_exec(running, code)
        self._exec_ended(running, code)

    @precondition(lambda self: self.engine.crashes > 0)
    @rule()
    def crash(self) -> None:
        """The execs are in the daemon's memory, and so is who waits."""
        self._hang_up()
        self.engine.crashes -= 1
        self.engine.crash()
        self._forget_execs({})

    @invariant()
    def the_engine_is_as_the_model_says(self) -> None:
        seen = self.engine.seen(self.ident)
        assert (None if seen is None else seen.phase) is self.phase
        if seen is not None:
            assert seen.name == self.name
            assert seen.code == self.code or self.phase in ALIVE
        self.engine.check()

    @invariant()
    def execs_are_as_the_model_says(self) -> None:
        for exec_id, known in self.execs.items():
            body = self.engine.ask("inspect exec", exec_id).body
            assert (body["Running"], body["ExitCode"], body["ContainerID"]) == (known.running, known.code, self.ident)
        for exec_id in self.gone_execs:
            answer = self.engine.ask("inspect exec", exec_id)
            assert (answer.status, answer.words) == (404, f"No such exec instance: {exec_id}")

    @invariant()
    def who_waits_has_no_answer(self) -> None:
        assert [condition for condition, waiting in self.waiting if waiting.answered()] == []


def refuse_in_every_phase(life: Life) -> None:
    """The whole table, once; in the phases of a run there are execs of every kind."""
    running = (P.RUNNING, P.PAUSED, P.EXITED)
    for phase in (P.CREATED, *running):
        life.create(running=phase in running)
        if phase in running:
            life.create_exec(by_name=True, running=True)
            life.end_exec(code=3)
            life.create_exec(by_name=False, running=True)
            life.create_exec(by_name=False, running=False)
        if phase is P.PAUSED:
            life.pause(by_name=True)
        elif phase is P.EXITED:
            life.end(code=4)
        assert life.phase is phase
        life.refuse_everything()
        life.the_engine_is_as_the_model_says()
        life.execs_are_as_the_model_says()
        life.remove(force=True, by_name=True)
        life.refuse_everything()
