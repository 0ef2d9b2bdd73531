"""The moves of a container's life and the refusals in Docker's words. Pure: frozen record in, frozen record out."""

import enum
from collections.abc import Callable
from typing import Any

import msgspec

from wherry.base.errors import Conflict, EngineError, NotModified
from wherry.state.record import Phase, Record


class Verb(enum.Enum):
    """What can happen to a container."""

    START = "start"
    STARTED = "started"
    FAILED = "failed"
    EXIT = "exit"
    REMOVE = "remove"
    RELEASED = "released"
    STUCK = "stuck"


P, V = Phase, Verb

MOVES: dict[tuple[Phase, Verb], Phase] = {
    (P.CREATED, V.START): P.STARTING,
    (P.EXITED, V.START): P.STARTING,
    (P.STARTING, V.STARTED): P.RUNNING,
    (P.STARTING, V.FAILED): P.EXITED,  # replaced by record.rest: a failed first start stays created
    (P.RUNNING, V.EXIT): P.EXITED,
    (P.CREATED, V.REMOVE): P.REMOVING,
    (P.EXITED, V.REMOVE): P.REMOVING,
    (P.DEAD, V.REMOVE): P.REMOVING,
    (P.REMOVING, V.STUCK): P.DEAD,
}
