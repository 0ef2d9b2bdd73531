"""The comparison itself: what counts as a difference, and what is made equal first. Needs no engine."""

import pytest

from tests.parity.compare import compare_answers, differences
from tests.parity.known import Known
from tests.parity.normal import normal, words
from tests.parity.side import demultiplex, json_or_text

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("peer", "ours", "places"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": None}, {"a": {}}, ["a"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, ["a.0.b"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a.length"]),
    ],
)
def test_differences(peer: object, ours: object, places: list[str]) -> None:
    assert [difference.place for difference in differences(peer, ours)] == places


def test_what_is_not_supported_is_one_difference() -> None:
    peer = {"1 POST create": {"status": 201, "headers": {}, "body": {"Id": "x"}}}
    ours = {"1 POST create": {"status": 501, "headers": {}, "body": {"message": "a is not supported"}}}
    assert [difference.place for difference in compare_answers(peer, ours)] == ["1 POST create: unsupported"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"container {ID} is", "container <id> is"),
        (f"sha256:{ID}", "<digest>"),
        (ID[:12], "<short id>"),
        ("2026-11-25T01:02:03.4Z", "<time>"),
        ("2026-11-25 01:02:03 +0000 UTC", "<time>"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("172.17.0.2/16", "<address>/16"),
        ("0.0.0.0", "0.0.0.0"),
        ("02:42:ac:11:00:02", "<mac>"),
        ("Docker/28.5.2+dfsg4 (linux)", "Docker/<version> (linux)"),
        ("Up 2 seconds", "Up <span>"),
        ("/brave_turing3", "<generated name>"),
        ("parity-one", "parity-one"),
        ("/data/a/containers", "<root>/containers"),
    ],
)
def test_words(text: str, shown: str) -> None:
    assert words(text, ["/data/a"]) == shown


def test_places_decide_on_numbers_and_order() -> None:
    answer = {"body": {"State": {"Pid": 7, "ExitCode": 7}, "Mounts": [{"Destination": "/b"}, {"Destination": "/a"}]}}
    shown = {"State": {"Pid": "<number>", "ExitCode": 7}, "Mounts": [{"Destination": "/a"}, {"Destination": "/b"}]}
    assert normal(answer, [], "case:") == {"body": shown}
    assert normal({"Pid": 0}, [], "case:") == {"Pid": 0}


def test_frames_of_a_stream_are_joined() -> None:
    frames = [b"\1\0\0\0\0\0\0\1a", b"\2\0\0\0\0\0\0\1x", b"\1\0\0\0\0\0\0\2bc"]
    assert demultiplex(b"".join(frames)) == {"stdout": "abc", "stderr": "x"}


def test_lines_of_json_are_values() -> None:
    assert [json_or_text(line) for line in ('{"a": 1}', "{}x", "a")] == [{"a": 1}, "{}x", "a"]


def test_known_differences_are_found_by_pattern() -> None:
    known = Known("create *", "*body.Id", "a reason")
    assert known.covers("create x", "1 POST create: body.Id")
    assert not known.covers("stored x", "body.Id")
