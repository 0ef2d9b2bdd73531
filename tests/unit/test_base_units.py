"""Times, durations, sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.base.errors import InvalidParameter
from wherry.base.units import (
    HOUR,
    MINUTE,
    SECOND,
    format_duration,
    format_time,
    human_duration,
    parse_size,
    parse_timestamp,
)

DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "Less than a second"),
        (SECOND - 1, "Less than a second"),
        (-5 * SECOND, "Less than a second"),
        (SECOND, "1 second"),
        (59 * SECOND, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (HOUR - 1, "59 minutes"),
        (HOUR, "About an hour"),
        (89 * MINUTE, "About an hour"),
        (90 * MINUTE, "2 hours"),
        (47 * HOUR, "47 hours"),
        (2 * DAY, "2 days"),
        (14 * DAY - HOUR, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
    ],
)
def test_a_duration_reads_as_docker_words_it(span: int, text: str) -> None:
    assert human_duration(span) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (100_000_000, "100ms"),
        (SECOND, "1s"),
        (SECOND + 50_000_000, "1.05s"),
        (90 * SECOND, "1m30s"),
        (HOUR, "1h0m0s"),
        (26 * HOUR + SECOND // 2, "26h0m0.5s"),
    ],
)
def test_a_duration_reads_as_go_writes_it(span: int, text: str) -> None:
    assert format_duration(span) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "0001-01-01T00:00:00Z"),
        (1735786984_000000000, "2025-01-02T03:03:04Z"),
        (1735786984_100000000, "2025-01-02T03:03:04.1Z"),
        (1735786984_000000001, "2025-01-02T03:03:04.000000001Z"),
    ],
)
def test_a_time_has_no_trailing_zeros(at: int, text: str) -> None:
    assert format_time(at) == text


@given(st.integers(1, 4_000_000_000), st.integers(0, SECOND - 1))
def test_a_timestamp_survives_its_text(seconds: int, fraction: int) -> None:
    assert parse_timestamp(f"{seconds}.{fraction:09d}") == seconds * SECOND + fraction


@pytest.mark.parametrize(("text", "ns"), [("1", SECOND), ("1.5", 1_500_000_000), ("1.0000000019", SECOND + 1)])
def test_a_fraction_is_padded_or_cut(text: str, ns: int) -> None:
    assert parse_timestamp(text) == ns


def test_a_timestamp_may_be_far_in_the_future() -> None:
    assert parse_timestamp("99999999999") == 99_999_999_999 * SECOND


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abc", 'invalid timestamp "abc": invalid seconds "abc": invalid syntax'),
        ("1.x", 'invalid timestamp "1.x": invalid nanoseconds "x00000000": invalid syntax'),
        ("", 'invalid timestamp "": invalid seconds "": invalid syntax'),
        ("9" * 30, f'invalid timestamp "{"9" * 30}": invalid seconds "{"9" * 30}": invalid syntax'),
        ("9" * 19, f'invalid timestamp "{"9" * 19}": invalid seconds "{"9" * 19}": value out of range'),
    ],
)
def test_a_bad_timestamp_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        parse_timestamp(text)
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("10", 10), ("10m", 10 << 20), ("1.5G", 3 << 29), ("64 KiB", 64 << 10), ("7b", 7), ("2tb", 2 << 40)],
)
def test_a_size_counts_in_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1", "1x", "1mm", "1 2", "abc"])
def test_a_bad_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^invalid size: '{text}'$"):
        parse_size(text)
