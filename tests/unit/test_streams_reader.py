import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wherry.streams.frames import frame, render_entry
from wherry.streams.logdrivers.json_file import JsonFileSink
from wherry.streams.logfile import Decoder
from wherry.streams.logtarget import LogTarget
from wherry.streams.reader import LogEntry, LogQuery, read_logs

SECOND = 1_000_000_000
BASE = 1735787045 * SECOND


class Log:
    """A log that is written by the driver itself; record N has the time BASE + N seconds."""

    def __init__(self, path: Path, **options: object) -> None:
        self.path = path
        self._sink = JsonFileSink(LogTarget("json-file", str(path), **options), self._fail)  # type: ignore[arg-type]

    def _fail(self, text: str) -> None:
        raise AssertionError(text)

    def write(self, *numbers: int, stream: int = 1) -> None:
        for number in numbers:
            self._sink.lines(stream, b"%d\n" % number, BASE + number * SECOND)


async def read(path: Path, **query: object) -> list[int]:
    over = asyncio.Event()
    over.set()
    entries = read_logs(str(path), LogQuery(**query), over)  # type: ignore[arg-type]
    return [int(entry.line) async for entry in entries]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


async def test_all_with_their_facts(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", attrs={"k": "v"})
    log.write(1)
    log.write(2, stream=2)
    over = asyncio.Event()
    entries = [entry async for entry in read_logs(str(log.path), LogQuery(), over)]
    assert entries == [
        LogEntry(1, BASE + SECOND, b"1\n", {"k": "v"}),
        LogEntry(2, BASE + 2 * SECOND, b"2\n", {"k": "v"}),
    ]


async def test_no_file_is_an_empty_log(tmp_path: Path) -> None:
    assert await read(tmp_path / "log") == []


async def test_tail_counts_both_streams_and_comes_first(log: Log) -> None:
    log.write(1, 2, 3)
    log.write(4, stream=2)
    log.write(5)
    assert await read(log.path, tail=3) == [3, 4, 5]
    assert await read(log.path, tail=3, stderr=False) == [3, 5]
    assert await read(log.path, tail=0) == []
    assert await read(log.path, tail=99) == [1, 2, 3, 4, 5]
    assert await read(log.path, tail=2, since_ns=BASE + 5 * SECOND) == [5]


async def test_since_and_until_keep_what_is_equal(log: Log) -> None:
    log.write(1, 2, 3, 4)
    assert await read(log.path, since_ns=BASE + 2 * SECOND, until_ns=BASE + 3 * SECOND) == [2, 3]
    assert await read(log.path, since_ns=BASE + 2 * SECOND + 1) == [3, 4]


async def test_after_the_first_new_one_older_ones_are_kept(log: Log) -> None:
    log.write(5, 1)
    assert await read(log.path, since_ns=BASE + 4 * SECOND) == [5, 1]


@pytest.mark.parametrize("options", [{"max_file": 4}, {"max_file": 4, "compress": True}])
async def test_rotated_files_are_read_too(tmp_path: Path, options: dict[str, object]) -> None:
    log = Log(tmp_path / "log", max_size=150, **options)
    log.write(*range(10, 17))
    assert await read(log.path) == [*range(10, 17)]
    assert await read(log.path, tail=2) == [15, 16]
    assert await read(log.path, tail=4) == [13, 14, 15, 16]


async def test_a_tail_longer_than_a_block(log: Log) -> None:
    log.write(*range(10_000))
    assert await read(log.path, tail=7000) == [*range(3000, 10_000)]


async def test_a_half_written_line_is_not_read(log: Log) -> None:
    log.write(1, 2)
    with log.path.open("ab") as file:
        file.write(b'{"log":"3')
    assert await read(log.path) == [1, 2]
    assert await read(log.path, tail=1) == [2]


@pytest.mark.parametrize("junk", [b"\0" * 20, b"{}", b'{"log":"x","time":"yesterday"}', b'{"log":"\\ud800"}', b"[1]"])
async def test_a_corrupt_line_ends_the_reading(log: Log, junk: bytes) -> None:
    log.write(1)
    with log.path.open("ab") as file:
        file.write(junk + b"\n")
    log.write(2)
    assert await read(log.path) == [1]


async def test_a_rotated_file_of_another_writer_may_be_broken(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.write(1)
    (tmp_path / "log.1.gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    assert await read(log.path) == [1]


class Follower:
    """A reader that follows, and what it has got."""

    def __init__(self, path: Path, **query: object) -> None:
        self.ended = asyncio.Event()
        self._entries: AsyncIterator[LogEntry] = read_logs(
            str(path),
            LogQuery(follow=True, **query),  # type: ignore[arg-type]
            self.ended,
        )

    async def take(self, count: int) -> list[int]:
        async with asyncio.timeout(5):
            return [int((await anext(self._entries)).line) for _ in range(count)]

    async def rest(self) -> list[int]:
        async with asyncio.timeout(5):
            return [int(entry.line) async for entry in self._entries]


async def test_following_ends_with_the_container(log: Log) -> None:
    log.write(1, 2)
    reader = Follower(log.path, tail=1)
    assert await reader.take(1) == [2]
    waiting = asyncio.create_task(reader.take(1))
    await asyncio.sleep(0)
    log.write(3)
    assert await waiting == [3]
    log.write(4)
    reader.ended.set()
    assert await reader.rest() == [4]


async def test_following_waits_for_the_other_half_of_a_line(log: Log) -> None:
    line = json.dumps({"log": "7\n", "stream": "stdout", "time": "2025-01-02T03:04:05Z"})
    reader = Follower(log.path)
    log.write(1)
    assert await reader.take(1) == [1]
    with log.path.open("a") as file:
        file.write(line[:20])
        file.flush()
        waiting = asyncio.create_task(reader.take(1))
        await asyncio.sleep(0)
        file.write(line[20:] + "\n")
    assert await waiting == [7]
    reader.ended.set()
    assert await reader.rest() == []


async def test_following_begins_before_the_file(tmp_path: Path) -> None:
    reader = Follower(tmp_path / "log")
    waiting = asyncio.create_task(reader.take(1))
    await asyncio.sleep(0)
    Log(tmp_path / "log").write(1)
    assert await waiting == [1]
    reader.ended.set()
    assert await reader.rest() == []


@pytest.mark.parametrize("burst", [1, 2, 5])
async def test_following_survives_rotations(tmp_path: Path, burst: int) -> None:
    """Bursts of several rotations between two looks are found through the files' numbers."""
    log = Log(tmp_path / "log", max_size=150, max_file=6)
    log.write(0)
    reader = Follower(log.path)
    assert await reader.take(1) == [0]
    for number in range(1, 40, burst):
        log.write(*range(number, number + burst))
        assert await reader.take(burst) == [*range(number, number + burst)]
    reader.ended.set()
    assert await reader.rest() == []


async def test_following_with_one_file_goes_on_in_the_new_one(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", max_size=1)
    log.write(1)
    reader = Follower(log.path)
    assert await reader.take(1) == [1]
    log.write(2)
    assert await reader.take(1) == [2]
    reader.ended.set()
    assert await reader.rest() == []


async def test_until_ends_the_following(log: Log) -> None:
    reader = Follower(log.path, until_ns=BASE + 2 * SECOND)
    log.write(1, 2, 3)
    assert await reader.rest() == [1, 2]


async def test_a_reader_that_stops_early_leaves_nothing_open(log: Log) -> None:
    log.write(1, 2)
    before = len(os.listdir("/proc/self/fd"))
    reader = read_logs(str(log.path), LogQuery(follow=True), asyncio.Event())
    assert int((await anext(reader)).line) == 1
    await reader.aclose()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before


def test_times_keep_their_nanoseconds() -> None:
    decoder = Decoder()
    for text, at in [("05Z", 0), ("05.1Z", 100_000_000), ("05.123456789Z", 123_456_789), ("06.000000001Z", SECOND + 1)]:
        line = f'{{"log":"x","stream":"stdout","time":"2025-01-02T03:04:{text}"}}'
        assert decoder.decode(line.encode()) == LogEntry(1, BASE + at, b"x")


def test_rendering() -> None:
    entry = LogEntry(2, BASE + 5, b"text\n", {"b": "x y", "a": "&"})
    stamp = b"2025-01-02T03:04:05.000000005Z "
    assert render_entry(entry, LogQuery(), True) == b"text\n"
    assert render_entry(entry, LogQuery(), False) == frame(2, b"text\n")
    assert render_entry(entry, LogQuery(timestamps=True), True) == stamp + b"text\n"
    assert render_entry(entry, LogQuery(timestamps=True, details=True), True) == stamp + b"a=%26,b=x+y text\n"
    assert render_entry(LogEntry(1, BASE, b"t"), LogQuery(details=True), True) == b" t"
    assert frame(1, b"abc") == b"\x01\0\0\0\0\0\0\x03abc"
