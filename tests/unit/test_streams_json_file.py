import gzip
import json
import os
import random
from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter
from wherry.streams import drivers
from wherry.streams.logdrivers import json_file
from wherry.streams.logdrivers.json_file import JsonFileSink, escape
from wherry.streams.logtarget import LogTarget

AT = 1735787045123456789  # 2025-01-02T03:04:05.123456789Z


def refuse(text: str) -> None:
    raise AssertionError(text)


def sink(path: Path, **options: object) -> JsonFileSink:
    return JsonFileSink(LogTarget("json-file", str(path), **options), refuse)  # type: ignore[arg-type]


def reference(data: bytes) -> bytes:
    """Go's escapes, character by character."""
    out = []
    for character in data.decode("utf-8", "surrogateescape"):
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            out.append("\\ufffd")
        elif character in '"\\':
            out.append("\\" + character)
        elif character == "\r":
            out.append("\\r")
        elif (code < 0x20 and character != "\n") or character in "<>&\u2028\u2029":
            out.append(f"\\u{code:04x}")
        else:
            out.append(character)
    return "".join(out).encode()


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        (b'a"b\\c', b'a\\"b\\\\c'),
        (b"<&>", b"\\u003c\\u0026\\u003e"),
        (b"\t\r\x00\x1b[0m\x7f", b"\\u0009\\r\\u0000\\u001b[0m\x7f"),
        ("é\u2028\u2029€😀".encode(), "é\\u2028\\u2029€😀".encode()),
        (b"\xff\xc3\xe2\x82x", b"\\ufffd\\ufffd\\ufffd\\ufffdx"),
        (b"\xed\xa0\x80", b"\\ufffd\\ufffd\\ufffd"),
        (b"two\nlines", b"two\nlines"),
        (b"", b""),
    ],
)
def test_escape(raw: bytes, escaped: bytes) -> None:
    assert escape(raw) == escaped


def test_escape_is_the_reference_on_anything() -> None:
    rng = random.Random(3)
    alphabet = [*b'ab"\\<>&\n\r\t\x00\x1f\x7f', 0x80, 0xA8, 0xE2, 0xC3, 0xED, 0xFF, 0xF0, 0x9F]
    for _ in range(3000):
        data = bytes(rng.choices(alphabet, k=rng.randrange(30)))
        assert escape(data) == reference(data)


def test_records_are_byte_for_byte_as_dockers(tmp_path: Path) -> None:
    log = tmp_path / "log"
    out = sink(log, attrs={"b": "<2>", "a": "1"})
    out.lines(1, b"one\ntwo\n", AT)
    out.partial(2, b"part", AT - 123456789)
    out.lines(2, b"\n", AT - 456789)
    out.close()
    attrs = '"attrs":{"a":"1","b":"\\u003c2\\u003e"},'
    assert log.read_text() == (
        f'{{"log":"one\\n","stream":"stdout",{attrs}"time":"2025-01-02T03:04:05.123456789Z"}}\n'
        f'{{"log":"two\\n","stream":"stdout",{attrs}"time":"2025-01-02T03:04:05.123456789Z"}}\n'
        f'{{"log":"part","stream":"stderr",{attrs}"time":"2025-01-02T03:04:05Z"}}\n'
        f'{{"log":"\\n","stream":"stderr",{attrs}"time":"2025-01-02T03:04:05.123Z"}}\n'
    )
    assert log.stat().st_mode & 0o777 == 0o640


def test_no_attributes_leave_no_key(tmp_path: Path) -> None:
    out = sink(tmp_path / "log")
    out.lines(1, b"x\n", AT)
    assert (
        tmp_path / "log"
    ).read_text() == '{"log":"x\\n","stream":"stdout","time":"2025-01-02T03:04:05.123456789Z"}\n'


def texts(path: Path) -> list[str]:
    return [json.loads(line)["log"].strip() for line in path.read_text().splitlines()]


def test_rotation_is_checked_before_each_record(tmp_path: Path) -> None:
    log = tmp_path / "log"
    out = sink(log, max_size=200, max_file=3)
    out.lines(1, b"".join(b"%03d\n" % number for number in range(11)), AT)
    out.close()
    size = len('{"log":"000\\n","stream":"stdout","time":"2025-01-02T03:04:05.123456789Z"}\n')
    assert 2 * size < 200 < 3 * size
    assert texts(log) == ["009", "010"]
    assert texts(tmp_path / "log.1") == ["006", "007", "008"]
    assert texts(tmp_path / "log.2") == ["003", "004", "005"]
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1", "log.2"]


def test_one_file_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "log"
    out = sink(log, max_size=1)
    held = log.open()
    out.lines(1, b"1\n2\n3\n", AT)
    assert texts(log) == ["3"]
    assert json.loads(held.read())["log"] == "1\n"


def test_a_full_file_rotates_before_the_next_record(tmp_path: Path) -> None:
    log = tmp_path / "log"
    out = sink(log, max_size=1, max_file=2)
    out.lines(1, b"1\n", AT)
    assert sorted(os.listdir(tmp_path)) == ["log"]
    out.lines(1, b"2\n", AT)
    assert texts(log) == ["2"]
    assert texts(tmp_path / "log.1") == ["1"]


def test_compressed_files_are_shifted_and_tell_their_last_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    out = sink(log, max_size=1, max_file=3, compress=True)
    for number in range(5):
        out.lines(1, b"%d\n" % number, AT)
    settle(log)
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1.gz", "log.2.gz"]
    packed = (tmp_path / "log.1.gz").read_bytes()
    assert packed[3] == 4
    assert b'{"lastTime":"2025-01-02T03:04:05.123456789Z"}' in packed[:80]
    assert json.loads(gzip.decompress(packed))["log"] == "3\n"
    assert json.loads(gzip.decompress((tmp_path / "log.2.gz").read_bytes()))["log"] == "2\n"


def test_a_compression_that_died_is_made_up_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "log.1").write_text("left behind\n")
    out = sink(log, max_size=1, max_file=3, compress=True)
    out.lines(1, b"1\n2\n", AT)
    settle(log)
    assert gzip.decompress((tmp_path / "log.2.gz").read_bytes()) == b"left behind\n"


def settle(log: Path) -> None:
    """Wait for the compressing child as the next rotation does."""
    from wherry.streams import rotation

    rotation._settle(f"{log}.1")


def test_a_torn_record_at_the_end_is_cut_off(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"log":"whole\\n"}\n{"log":"to')
    sink(log).lines(1, b"x\n", AT)
    assert texts(log) == ["whole", "x"]


def test_a_failed_write_drops_the_records_and_says_how_many() -> None:
    said: list[tuple[int, str]] = []
    out = JsonFileSink(LogTarget("json-file", "/dev/full"), lambda *words: said.append(words))
    out.lines(1, b"x\ny\n", AT)
    out.partial(1, b"z", AT)
    assert said == [(2, "write /dev/full: No space left on device"), (1, "write /dev/full: No space left on device")]


def test_values_are_looked_at_when_the_container_starts() -> None:
    target = json_file.target({"max-size": "10m", "max-file": "3", "compress": "true"}, "/log", {"a": "b"})
    assert target == LogTarget("json-file", "/log", 10_000_000, 3, True, {"a": "b"})
    assert json_file.target({}, "/log", {}) == LogTarget("json-file", "/log")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max-size": "abc"}, "invalid size: 'abc'"),
        ({"max-size": "0"}, "max-size must be a positive number"),
        ({"max-file": "0"}, "max-file cannot be less than 1"),
        ({"max-file": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ({"compress": "maybe"}, 'strconv.ParseBool: parsing "maybe": invalid syntax'),
        (
            {"compress": "true", "max-size": "1k"},
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
    ],
)
def test_bad_values(options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        json_file.target(options, "/log", {})
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("nope", {}, 'error looking up logging plugin nope: plugin "nope" not found'),
        ("json-file", {"x": "1"}, "unknown log opt 'x' for json-file log driver"),
        ("json-file", {"mode": "fast"}, "logger: logging mode not supported: fast"),
        (
            "json-file",
            {"max-buffer-size": "1m"},
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            "json-file",
            {"mode": "non-blocking", "max-buffer-size": "x"},
            "error parsing option max-buffer-size: invalid size: 'x'",
        ),
        ("json-file", {"cache-disabled": "x"}, "invalid value for option cache-disabled: x"),
    ],
)
def test_what_create_refuses(driver: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        drivers.validate(driver, options)
    assert str(caught.value) == words


def test_what_create_accepts() -> None:
    drivers.validate("none", {"anything": "goes"})
    drivers.validate("json-file", {"max-size": "abc", "mode": "non-blocking", "max-buffer-size": "4m", "cache-x": "1"})


def test_attributes_are_chosen_by_name_and_expression() -> None:
    options = {"labels": "a,missing", "env-regex": "^P", "env": "X", "tag": "{{.Name}}/{{ .ID }}"}
    chosen = drivers.attributes(
        options, {"a": "1", "b": "2"}, ["PATH=/bin", "X=y=z", "Q=1"], {"Name": "web", "ID": "abc"}
    )
    assert chosen == {"a": "1", "PATH": "/bin", "X": "y=z", "tag": "web/abc"}
    with pytest.raises(InvalidParameter, match="only plain fields"):
        drivers.attributes({"tag": "{{upper .Name}}"}, {}, [], {"Name": "web"})
