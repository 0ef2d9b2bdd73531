"""Sums of what a log could not take: one notice for many records, a reason once a minute."""

from typing import Any

from wherry.streams.tally import Tally


class Later:
    """A reactor that only keeps what is due."""

    def __init__(self) -> None:
        self.due: list[Any] = []

    def after(self, _seconds: float, call: Any) -> None:
        self.due.append(call)


def test_counts_are_told_in_sums() -> None:
    reactor: Any = Later()
    told: list[tuple[str, int, str]] = []
    tally = Tally(reactor, lambda *words: told.append(words))
    for _ in range(3):
        tally.long()
        tally.dropped(2, "write x: full")
    assert (len(reactor.due), told) == (1, [])
    reactor.due.pop()()
    assert told == [("long", 3, ""), ("log", 6, "write x: full; 6 records were dropped so far")]
    told.clear()
    tally.dropped(1, "write x: full")
    assert len(reactor.due) == 1
    tally.flush()
    assert told == [("log", 1, "")]
    told.clear()
    tally.flush()
    assert told == []
