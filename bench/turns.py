"""Whose turn it is: one sample of each engine a round, so that what disturbs the machine disturbs all alike."""

from collections.abc import Iterator, Sequence
from threading import Event

WARM_UP = -1
"""The round that does not count."""
PAUSE = 0.1
"""Seconds between two samples: what an engine still ends behind its answers, and what it has made ready in the kernel,
is in no other's figure."""


def order(names: Sequence[str], turn: int) -> list[str]:
    """Return the names in the order of one round: over the rounds each comes first equally often."""
    at = turn % max(1, len(names))
    return [*names[at:], *names[:at]]


def turns(names: Sequence[str], rounds: int, stop: Event, pause: float = PAUSE) -> Iterator[tuple[int, str]]:
    """Yield round and name, the warm-up first; KeyboardInterrupt between two samples once `stop` is set.

    A sample is never cut off: a create whose client is gone would come after the tidy-up.
    """
    for turn in range(WARM_UP, rounds):
        for name in order(names, turn):
            if stop.wait(pause):
                raise KeyboardInterrupt
            yield turn, name
