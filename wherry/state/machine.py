"""The moves of a container's life and the refusals in Docker's words. Pure: frozen record in, frozen record out."""

import enum
from typing import Any

import msgspec

from wherry.base.errors import Conflict, EngineError, NotModified, System
from wherry.state.record import Ending, Phase, Record


class Verb(enum.Enum):
    """What can happen to a container."""

    START = "start"
    STARTED = "started"
    FAILED = "failed"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    EXIT = "exit"
    BACKOFF = "backoff"
    AGAIN = "again"
    REMOVE = "remove"
    STUCK = "stuck"


P, V = Phase, Verb

MOVES: dict[tuple[Phase, Verb], Phase] = {
    (P.CREATED, V.START): P.STARTING,
    (P.EXITED, V.START): P.STARTING,
    (P.STARTING, V.STARTED): P.RUNNING,
    (P.STARTING, V.FAILED): P.EXITED,  # or created, or restarting: a failed start returns to where it came from
    (P.RUNNING, V.FAILED): P.EXITED,  # cut right after STARTED was stored: what ran was given back
    (P.RUNNING, V.PAUSE): P.PAUSED,
    (P.PAUSED, V.UNPAUSE): P.RUNNING,
    (P.RUNNING, V.EXIT): P.EXITED,
    (P.PAUSED, V.EXIT): P.EXITED,
    (P.RUNNING, V.BACKOFF): P.RESTARTING,
    (P.PAUSED, V.BACKOFF): P.RESTARTING,
    (P.RESTARTING, V.AGAIN): P.STARTING,
    (P.EXITED, V.AGAIN): P.STARTING,  # at boot
    (P.RESTARTING, V.EXIT): P.EXITED,  # its restart was called off
    (P.CREATED, V.REMOVE): P.REMOVING,
    (P.EXITED, V.REMOVE): P.REMOVING,
    (P.DEAD, V.REMOVE): P.REMOVING,
    (P.REMOVING, V.STUCK): P.DEAD,
}

RESTARTING = "Container {id} is restarting, wait until the container is running"
_MARKED = (Conflict, "container is marked for removal and cannot be started")
_BUSY = 'cannot remove container "{name}": container is {phase}: stop the container before removing or force remove'
_RUNNING = (Conflict, _BUSY.replace("{phase}", "running"))
_NOT_RUNNING = (Conflict, "container {id} is not running")
_NOT_PAUSED = (Conflict, "Container {id} is not paused")

REFUSALS: dict[tuple[Phase, Verb], tuple[type[EngineError], str]] = {
    (P.PAUSED, V.START): (Conflict, "cannot start a paused container, try unpause instead"),
    (P.RESTARTING, V.START): (NotModified, "container is already running"),
    (P.STARTING, V.START): (NotModified, "container is already running"),
    (P.RUNNING, V.START): (NotModified, "container is already running"),
    (P.REMOVING, V.START): _MARKED,
    (P.DEAD, V.START): _MARKED,
    (P.STARTING, V.REMOVE): _RUNNING,
    (P.RUNNING, V.REMOVE): _RUNNING,
    (P.RESTARTING, V.REMOVE): (Conflict, _BUSY),
    (P.PAUSED, V.REMOVE): (
        Conflict,
        'cannot remove container "{name}": container is paused and must be unpaused first',
    ),
    (P.PAUSED, V.PAUSE): (Conflict, "Container {id} is already paused"),
    (P.RESTARTING, V.PAUSE): (Conflict, RESTARTING),
    **{(phase, V.PAUSE): _NOT_RUNNING for phase in P if phase not in (P.RUNNING, P.PAUSED, P.RESTARTING)},
    **{(phase, V.UNPAUSE): _NOT_PAUSED for phase in P if phase is not P.PAUSED},
    (P.REMOVING, V.REMOVE): (Conflict, "removal of container {name} is already in progress"),
}


def check(rec: Record, verb: Verb, ref: str = "") -> None:
    """Raise the refusal of a verb in this phase, with the name that the client used; System for one of ours."""
    key = (rec.phase, verb)
    if key in MOVES:
        return
    kind, text = REFUSALS.get(key, (System, "container {id} cannot {verb} while it is {phase}: this is an engine bug"))
    raise kind(text.format(name=ref or rec.name, id=rec.id, verb=verb.value, phase=rec.phase.value))


def move(rec: Record, verb: Verb, **facts: Any) -> Record:
    """Return the record after a verb, with the facts that came with it; raises as `check`."""
    check(rec, verb)
    changes: dict[str, Any] = {"phase": MOVES[rec.phase, verb]}
    if verb is V.START:
        changes |= {"rest": rec.phase, "generation": rec.generation + 1}
    elif verb is V.AGAIN:
        changes |= {"rest": P.RESTARTING, "generation": rec.generation + 1}
    elif verb is V.STARTED:
        changes |= {"exit_code": 0, "error": "", "oom_killed": False, "started_before": True, "end": Ending()}
    elif verb is V.FAILED:
        changes |= {"phase": rec.rest, "pid": 0}
    elif verb is V.EXIT:
        changes["pid"] = 0
    elif verb is V.BACKOFF:
        changes |= {"pid": 0, "restart_count": rec.restart_count + 1}
    return msgspec.structs.replace(rec, **(changes | facts))
