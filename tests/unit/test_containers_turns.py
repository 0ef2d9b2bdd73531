import asyncio
import contextlib

import pytest

from wherry.base.errors import Unavailable
from wherry.containers.turns import Turns, slots

GIB = 1 << 30


@pytest.mark.parametrize(
    ("processors", "memory", "most"),
    [(2, 24 * GIB, 8), (64, 512 * GIB, 256), (64, 4 * GIB, 16), (1, GIB // 4, 4)],
)
def test_the_bound_follows_from_the_machine(processors: int, memory: int, most: int) -> None:
    assert slots(processors, memory) == most


class Line:
    """Starts that end on order, and the order in which they had their turns."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.served: list[str] = []
        self._over: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *idents: str, by_hand: bool = True) -> None:
        for ident in idents:
            self._over[ident] = asyncio.Event()
            self.tasks[ident] = asyncio.create_task(self._start(ident, by_hand))
            await asyncio.sleep(0)

    async def _start(self, ident: str, by_hand: bool) -> None:
        with self.turns.queue(ident, by_hand) as turn:
            await turn
            self.served.append(ident)
            await self._over[ident].wait()

    async def end(self, *idents: str) -> None:
        for ident in idents:
            self._over[ident].set()
            await self.tasks[ident]
            await asyncio.sleep(0)


async def test_first_come_first_served_and_no_more_than_the_bound() -> None:
    line = Line(Turns(2))
    await line.come(*"abcd")
    assert line.served == [*"ab"]
    assert [line.turns.place(ident) for ident in "abcd"] == [None, None, 1, 2]
    await line.end("b")
    assert line.served == [*"abc"]
    assert line.turns.place("d") == 1
    await line.end(*"acd")
    await line.come(*"ef")
    assert line.served == [*"abcdef"]
    await line.end(*"ef")


async def test_starts_by_hand_and_by_policy_take_turns() -> None:
    line = Line(Turns(1))
    await line.come("first")
    await line.come(*"wxyz", by_hand=False)
    await line.come(*"ab")
    assert [line.turns.place(ident) for ident in "wxyzab"] == [1, 3, 5, 6, 2, 4]
    await line.end("first", *"waxbyz")
    assert line.served == ["first", *"waxbyz"]


async def test_who_is_called_off_leaves_the_queue_and_takes_no_turn() -> None:
    line = Line(Turns(1))
    await line.come(*"abc")
    line.tasks["b"].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await line.tasks["b"]
    assert (line.turns.place("b"), line.turns.place("c")) == (None, 1)
    await line.end(*"ac")
    assert line.served == [*"ac"]


async def test_a_granted_turn_whose_waiter_is_cancelled_is_given_on() -> None:
    line = Line(Turns(1))
    await line.come(*"abc")
    line._over["a"].set()
    await asyncio.sleep(0)
    line.tasks["b"].cancel()  # it was given the turn in this very moment
    with contextlib.suppress(asyncio.CancelledError):
        await line.tasks["b"]
    await line.end("c")
    assert line.served[-1] == "c"


async def test_a_full_queue_refuses_by_hand_only() -> None:
    line = Line(Turns(1, most_waiting=1))
    await line.come("a", "b")
    await line.come("p", "q", by_hand=False)
    with pytest.raises(Unavailable, match="cannot start container c: 1 starts wait for their turn"):
        line.turns.queue("c", by_hand=True).__enter__()
    await line.end("a", "p")
    assert line.turns.place("b") is None
    await line.end(*"bq")
    assert line.served == ["a", "p", "b", "q"]
