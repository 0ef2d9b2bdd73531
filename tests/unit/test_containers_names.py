"""Random names."""

import random

from wherry.base.ids import check_name
from wherry.containers.names import ADJECTIVES, SURNAMES, TRIES, random_names


def test_the_lists_are_long_and_without_doubles() -> None:
    for words in (ADJECTIVES, SURNAMES):
        assert len(words) >= 50
        assert len(set(words)) == len(words)


def test_nobody_calls_wozniak_boring() -> None:
    assert "boring" not in ADJECTIVES


def test_names_are_valid_and_later_ones_end_in_a_digit() -> None:
    names = list(random_names(random.Random(1)))
    assert len(names) == TRIES
    assert [name[-1].isdigit() for name in names] == [False] + [True] * (TRIES - 1)
    assert [check_name(name) for name in names] == names
