"""The files of a json-file log as a reader finds them: decoding, the rotated ones, the tail. Blocking functions."""

import calendar
import contextlib
import gzip
import os
import re
import tempfile
import time
import zlib
from typing import IO, Final

import msgspec

from wherry.streams.entries import LogEntry
from wherry.streams.frames import STDERR, STDOUT

BLOCK: Final = 256 * 1024
LINE_MAX: Final = 8 * 1024 * 1024
ROTATED_MAX: Final = 1000
"""A bound on the walk over `f.1`, `f.2` …; more files than this are not read."""

_FRACTION: Final = re.compile(r"(?:\.([0-9]{1,9})[0-9]*)?Z")
_STREAMS: Final = {"stdout": STDOUT, "stderr": STDERR}


class _Line(msgspec.Struct):
    log: str = ""
    stream: str = ""
    attrs: dict[str, str] | None = None
    time: str = ""


class Decoder:
    """Decodes lines of a json-file; remembers the second it saw last, which most lines share."""

    def __init__(self) -> None:
        """Begin."""
        self._json = msgspec.json.Decoder(_Line)
        self._text = ""
        self._second = 0

    def decode(self, line: bytes) -> LogEntry | None:
        """Return the record, or None when the line is corrupt."""
        try:
            record = self._json.decode(line)
            return LogEntry(
                _STREAMS.get(record.stream, 0),
                self._time(record.time),
                record.log.encode("utf-8", "replace"),
                record.attrs,
            )
        except (msgspec.DecodeError, ValueError):
            return None

    def _time(self, text: str) -> int:
        """Return nanoseconds since the epoch of RFC 3339 in UTC; ValueError otherwise."""
        fraction = _FRACTION.fullmatch(text, 19)
        if fraction is None:
            raise ValueError(text)
        if text[:19] != self._text:
            self._second = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
            self._text = text[:19]
        return self._second * 1_000_000_000 + int((fraction[1] or "").ljust(9, "0"))


class LogFile:
    """One file that is read forward by whole lines; it stays readable when it is renamed or removed."""

    def __init__(self, file: IO[bytes]) -> None:
        """Own the open file."""
        self._file = file
        self._rest = b""
        status = os.fstat(file.fileno())
        self.key = (status.st_dev, status.st_ino)

    def read_lines(self) -> list[bytes]:
        """Return the next lines that are whole; empty at the end of what is written."""
        while block := self._file.read(BLOCK):
            lines = (self._rest + block).split(b"\n")
            self._rest = lines.pop()
            if len(self._rest) > LINE_MAX:  # no record of ours: the decoder will refuse it
                lines.append(self._rest)
                self._rest = b""
            if lines:
                return lines
        return []

    def seek_tail(self, count: int) -> int:
        """Go to the last `count` lines, or as many as there are, and return how many are still missing."""
        position = self._file.seek(0, os.SEEK_END)
        missing = count + 1  # the newline before the first line wanted
        while position > 0:
            size = min(BLOCK, position)
            position -= size
            self._file.seek(position)
            block = self._file.read(size)
            found = block.count(b"\n")
            if found >= missing:
                self._file.seek(position + _nth_last_newline(block, missing) + 1)
                return 0
            missing -= found
        self._file.seek(0)
        return missing - 1

    def close(self) -> None:
        """Close it; twice is fine."""
        self._file.close()


def _nth_last_newline(block: bytes, count: int) -> int:
    end = len(block)
    for _ in range(count):
        end = block.rindex(b"\n", 0, end)
    return end


def open_current(path: str) -> LogFile | None:
    """Open the file that is written; None when there is none."""
    with contextlib.suppress(FileNotFoundError):
        return LogFile(open(path, "rb", buffering=0))  # noqa: SIM115
    return None


def open_rotated(path: str, number: int, spool: str) -> LogFile | None:
    """Open `path.number`, or unpack `path.number.gz` to a nameless file below `spool`; None when both are gone."""
    plain = open_current(f"{path}.{number}")
    if plain is not None:
        return plain
    try:
        with gzip.open(f"{path}.{number}.gz") as packed:
            return LogFile(_unpack(packed, spool))
    except (FileNotFoundError, EOFError, gzip.BadGzipFile, zlib.error):
        return None


def _unpack(packed: gzip.GzipFile, spool: str) -> IO[bytes]:
    unpacked = tempfile.TemporaryFile(dir=spool, buffering=0)  # noqa: SIM115
    try:
        while block := packed.read(BLOCK):
            unpacked.write(block)
        unpacked.seek(0)
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def open_all(path: str, tail: int | None) -> list[LogFile]:
    """Open what is needed for the last `tail` records, oldest file first, each where reading begins."""
    files: list[LogFile] = []
    try:
        _open_backwards(path, tail, files)
    except BaseException:
        for file in files:
            file.close()
        raise
    return files


def _open_backwards(path: str, missing: int | None, files: list[LogFile]) -> None:
    """Open the current file, then older ones. What a rotation renames meanwhile is met again, and passed over."""
    spool = os.path.dirname(path)
    for number in range(ROTATED_MAX):
        file = open_rotated(path, number, spool) if number else open_current(path)
        if file is None:
            if number == 0:
                continue
            return
        if any(file.key == other.key for other in files):
            file.close()
            continue
        files.insert(0, file)
        if missing is not None:
            missing = file.seek_tail(missing)
            if missing == 0:
                return


def open_next(path: str, key: tuple[int, int]) -> list[LogFile]:
    """Return what was begun after the file of that key, oldest first; empty while that one is the current.

    After more rotations than there are files only the current one is left to read.
    """
    current = open_current(path)
    if current is None or current.key == key:
        if current is not None:
            current.close()
        return []
    newer = [current]
    for number in range(1, ROTATED_MAX):
        rotated = open_current(f"{path}.{number}")
        if rotated is None:
            break
        if rotated.key == key:
            rotated.close()
            return newer
        newer.insert(0, rotated)
    for file in newer[:-1]:
        file.close()
    return newer[-1:]
