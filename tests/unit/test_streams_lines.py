import random

import pytest

from wherry.streams.lines import LONGEST, LineCutter


class Records:
    """A sink that keeps what it gets, blocks of lines taken apart."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, int]] = []

    def lines(self, _stream: int, block: bytes, at_ns: int) -> None:
        assert block.endswith(b"\n")
        self.seen += [(line, at_ns) for line in block.splitlines(keepends=True)]

    def partial(self, _stream: int, piece: bytes, at_ns: int) -> None:
        assert piece
        self.seen.append((piece, at_ns))

    def close(self) -> None:
        pass


def cut(chunks: list[bytes]) -> list[tuple[bytes, int]]:
    sink = Records()
    cutter = LineCutter(sink, 1, lambda: None)
    for number, chunk in enumerate(chunks, 1):
        cutter.feed(chunk, number)
    cutter.finish(99)
    return sink.seen


@pytest.mark.parametrize(
    ("chunks", "long"),
    [
        ([b"x" * LONGEST + b"\n"], 1),
        ([b"x" * (LONGEST - 1) + b"\n", b"y\n"], 0),
        ([b"x" * 5 * LONGEST, b"\n", b"y" * LONGEST], 2),
        ([b"an end without a newline"], 1),
    ],
)
def test_long_lines_are_counted_once(chunks: list[bytes], long: int) -> None:
    called: list[None] = []
    cutter = LineCutter(Records(), 1, lambda: called.append(None))
    for chunk in chunks:
        cutter.feed(chunk, 1)
    cutter.finish(2)
    assert len(called) == long


def sizes(chunks: list[bytes]) -> list[int]:
    return [len(record) for record, _ in cut(chunks)]


@pytest.mark.parametrize(
    ("length", "records"),
    [
        (16383, [16384]),
        (16384, [16384, 1]),
        (16385, [16384, 2]),
        (32768, [16384, 16384, 1]),
        (40000, [16384, 16384, 7233]),
    ],
)
def test_a_long_line_is_cut_at_16_kib(length: int, records: list[int]) -> None:
    assert sizes([b"x" * length + b"\n"]) == records


@pytest.mark.parametrize(
    ("length", "records"), [(16383, [16383]), (16384, [16384]), (16385, [16384, 1]), (40000, [16384, 16384, 7232])]
)
def test_the_rest_at_the_end_is_a_record_without_newline(length: int, records: list[int]) -> None:
    assert sizes([b"x" * length]) == records


def test_parts_carry_the_time_of_the_first() -> None:
    seen = cut([b"a\n" + b"x" * 20000, b"y" * 20000, b"z\nb\n"])
    assert [(len(record), at) for record, at in seen] == [(2, 1), (16384, 1), (16384, 1), (7234, 1), (2, 3)]


def test_the_next_long_line_has_a_time_of_its_own() -> None:
    seen = cut([b"x" * 16384, b"\n" + b"y" * 16384, b"\n"])
    assert [(len(record), at) for record, at in seen] == [(16384, 1), (1, 1), (16384, 2), (1, 2)]


def test_what_is_no_line_yet_is_held_back() -> None:
    assert cut([b"ab", b"c", b"d\ne"]) == [(b"abcd\n", 3), (b"e", 99)]


def test_chunks_do_not_matter() -> None:
    rng = random.Random(7)
    for _ in range(200):
        lengths = rng.choices([0, 1, 80, 5000, LONGEST - 1, LONGEST, LONGEST + 1, 40000], k=12)
        text = b"\n".join(b"x" * length for length in lengths)
        marks = sorted(rng.randrange(len(text) + 1) for _ in range(10))
        chunks = [text[begin:end] for begin, end in zip([0, *marks], [*marks, len(text)], strict=True)]
        assert [record for record, _ in cut(chunks)] == reference(text)


def reference(text: bytes) -> list[bytes]:
    """The rule of api-containers.md 4.2, one byte at a time."""
    records, held = [], bytearray()
    for byte in text:
        held.append(byte)
        if byte == ord("\n") or (len(held) == LONGEST):
            records.append(bytes(held))
            held.clear()
    return [*records, bytes(held)] if held else records
