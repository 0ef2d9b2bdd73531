"""Every pair of phase and verb: a move, a refusal in Docker's words, or an engine bug that is named."""

import pytest

from tests.unit.records import record
from wherry.base.errors import Conflict, EngineError, NotModified, System
from wherry.state.machine import MOVES, REFUSALS, Verb, check, move
from wherry.state.record import Phase

PAIRS = [(phase, verb) for phase in Phase for verb in Verb]


@pytest.mark.parametrize(("phase", "verb"), PAIRS)
def test_every_pair_moves_or_refuses(phase: Phase, verb: Verb) -> None:
    rec = record(phase=phase, rest=Phase.EXITED)
    if (phase, verb) in MOVES:
        assert move(rec, verb).phase is MOVES[phase, verb]
        return
    kind = REFUSALS[phase, verb][0] if (phase, verb) in REFUSALS else System
    with pytest.raises(EngineError) as caught:
        move(rec, verb)
    assert type(caught.value) is kind


def test_no_pair_is_both_a_move_and_a_refusal() -> None:
    assert not MOVES.keys() & REFUSALS.keys()


def test_each_start_is_a_new_generation() -> None:
    rec = move(record(), Verb.START)
    assert (rec.phase, rec.generation, rec.rest) == (Phase.STARTING, 1, Phase.CREATED)
    rec = move(move(rec, Verb.STARTED, pid=7), Verb.EXIT, exit_code=3)
    assert (rec.phase, rec.pid, rec.exit_code) == (Phase.EXITED, 0, 3)
    assert move(rec, Verb.START).generation == 2


def test_a_failed_first_start_stays_created() -> None:
    rec = move(move(record(), Verb.START), Verb.FAILED, error="why", exit_code=127)
    assert (rec.phase, rec.error, rec.exit_code) == (Phase.CREATED, "why", 127)


def test_a_failed_later_start_stays_exited() -> None:
    rec = move(move(record(phase=Phase.EXITED), Verb.START), Verb.FAILED, error="why", exit_code=128)
    assert rec.phase is Phase.EXITED


def test_a_start_forgets_the_last_failure() -> None:
    rec = move(move(record(error="old", exit_code=137), Verb.START), Verb.STARTED, pid=1)
    assert (rec.error, rec.exit_code, rec.started_before) == ("", 0, True)


@pytest.mark.parametrize(
    ("phase", "verb", "kind", "words"),
    [
        (Phase.RUNNING, Verb.START, NotModified, "container is already running"),
        (Phase.DEAD, Verb.START, Conflict, "container is marked for removal and cannot be started"),
        (
            Phase.RUNNING,
            Verb.REMOVE,
            Conflict,
            'cannot remove container "boat": container is running: stop the container before removing or force remove',
        ),
        (Phase.REMOVING, Verb.REMOVE, Conflict, "removal of container boat is already in progress"),
    ],
)
def test_words(phase: Phase, verb: Verb, kind: type[EngineError], words: str) -> None:
    with pytest.raises(kind) as caught:
        check(record(phase=phase), verb)
    assert str(caught.value) == words
