"""The moves of a container's life and the refusals in Docker's words. Pure: frozen record in, frozen record out."""

import enum
from typing import Any

import msgspec

from wherry.base.errors import Conflict, EngineError, NotModified, System
from wherry.base.ids import short
from wherry.state.record import Phase, Record


class Verb(enum.Enum):
    """What can happen to a container."""

    START = "start"
    STARTED = "started"
    FAILED = "failed"
    EXIT = "exit"
    REMOVE = "remove"
    STUCK = "stuck"


P, V = Phase, Verb

MOVES: dict[tuple[Phase, Verb], Phase] = {
    (P.CREATED, V.START): P.STARTING,
    (P.EXITED, V.START): P.STARTING,
    (P.STARTING, V.STARTED): P.RUNNING,
    (P.STARTING, V.FAILED): P.EXITED,  # or created: a failed start returns to where it came from
    (P.RUNNING, V.FAILED): P.EXITED,  # cut right after STARTED was stored: what ran was given back
    (P.RUNNING, V.EXIT): P.EXITED,
    (P.CREATED, V.REMOVE): P.REMOVING,
    (P.EXITED, V.REMOVE): P.REMOVING,
    (P.DEAD, V.REMOVE): P.REMOVING,
    (P.REMOVING, V.STUCK): P.DEAD,
}

_MARKED = (Conflict, "container is marked for removal and cannot be started")
_RUNNING = (
    Conflict,
    'cannot remove container "{name}": container is running: stop the container before removing or force remove',
)

REFUSALS: dict[tuple[Phase, Verb], tuple[type[EngineError], str]] = {
    (P.STARTING, V.START): (NotModified, "container is already running"),
    (P.RUNNING, V.START): (NotModified, "container is already running"),
    (P.REMOVING, V.START): _MARKED,
    (P.DEAD, V.START): _MARKED,
    (P.STARTING, V.REMOVE): _RUNNING,
    (P.RUNNING, V.REMOVE): _RUNNING,
    (P.REMOVING, V.REMOVE): (Conflict, "removal of container {name} is already in progress"),
}


def check(rec: Record, verb: Verb, ref: str = "") -> None:
    """Raise the refusal of a verb in this phase, with the name that the client used; System for one of ours."""
    key = (rec.phase, verb)
    if key in MOVES:
        return
    kind, text = REFUSALS.get(key, (System, "container {id} cannot {verb} while it is {phase}: this is an engine bug"))
    raise kind(text.format(name=ref or rec.name, id=short(rec.id), verb=verb.value, phase=rec.phase.value))


def move(rec: Record, verb: Verb, **facts: Any) -> Record:
    """Return the record after a verb, with the facts that came with it; raises as `check`."""
    check(rec, verb)
    changes: dict[str, Any] = {"phase": MOVES[rec.phase, verb]}
    if verb is V.START:
        changes |= {"rest": rec.phase, "generation": rec.generation + 1}
    elif verb is V.STARTED:
        changes |= {"exit_code": 0, "error": "", "oom_killed": False, "started_before": True}
    elif verb is V.FAILED:
        changes |= {"phase": rec.rest, "pid": 0}
    elif verb is V.EXIT:
        changes["pid"] = 0
    return msgspec.structs.replace(rec, **(changes | facts))
