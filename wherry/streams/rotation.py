"""A file that is rotated by size (api-containers.md 4.4): `f`, `f.1`, `f.2` … or `f.1.gz`, `f.2.gz` … when compressed.

Compression runs in a forked child, so that the container does not wait for it. The child holds a flock(2) on the file
it compresses; the next rotation takes the same lock and so waits for it, even if another keeper began it.
"""

import contextlib
import fcntl
import json
import os
import struct
import time
import zlib
from typing import Final

from wherry.streams.logtarget import Report

MODE: Final = 0o640
BLOCK: Final = 256 * 1024
TORN: Final = 1024 * 1024
"""How far back the end of the last whole record is looked for."""

_APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class RotatingFile:
    """Appends records; a failed write drops them and is reported, it never stops the caller."""

    def __init__(self, path: str, max_size: int, max_file: int, compress: bool, report: Report) -> None:
        """Open the file for appending, without the half of a record that a crash may have left at its end."""
        self._path = path
        self._max_size = max_size
        self._max_file = max_file
        self._compress = compress
        self._report = report
        self._fd, self._size = _open_whole(path)

    def write(self, records: bytes, at_ns: int) -> None:
        """Append whole records that were made at that time; rotate before each that finds the file full."""
        try:
            while records:
                if self._max_size and self._size >= self._max_size:
                    self._rotate(at_ns)
                fitting = self._fitting(records)
                self._append(records[:fitting])
                records = records[fitting:]
        except OSError as error:
            self._report(records.count(b"\n"), f"write {self._path}: {error.strerror or error}")

    def close(self) -> None:
        """Close the file; a compression that is under way goes on by itself."""
        os.close(self._fd)

    def _fitting(self, records: bytes) -> int:
        """Return the bytes up to the end of the record that fills the file, or of them all."""
        room = self._max_size - self._size
        if not self._max_size or len(records) <= room:
            return len(records)
        return records.find(b"\n", room - 1) + 1

    def _append(self, records: bytes) -> None:
        written = 0
        try:
            while written < len(records):
                written += os.write(self._fd, records[written:] if written else records)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += written

    def _rotate(self, at_ns: int) -> None:
        with contextlib.suppress(FileNotFoundError):  # an earlier rotation may have failed half-way
            if self._max_file == 1:
                os.unlink(self._path)
            else:
                self._shift()
        fd, size = _open_whole(self._path)
        os.close(self._fd)
        self._fd, self._size = fd, size
        if self._compress:
            with contextlib.suppress(OSError):  # then the next rotation compresses it
                _compress_behind(f"{self._path}.1", at_ns)

    def _shift(self) -> None:
        """Give each file the next number; the last one is lost."""
        suffix = ".gz" if self._compress else ""
        if self._compress:
            _settle(f"{self._path}.1")
        for number in range(self._max_file - 1, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self._path}.{number - 1}{suffix}", f"{self._path}.{number}{suffix}")
        if self._compress and self._max_file == 2:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._path}.1.gz")
        os.rename(self._path, f"{self._path}.1")


def _open_whole(path: str) -> tuple[int, int]:
    """Open for appending and return descriptor and size, a torn last record cut off."""
    fd = os.open(path, _APPEND, MODE)
    size = os.fstat(fd).st_size
    if size == 0 or os.pread(fd, 1, size - 1) == b"\n":
        return fd, size
    begin = max(0, size - TORN)
    whole = begin + os.pread(fd, size - begin, begin).rfind(b"\n") + 1
    os.ftruncate(fd, whole)
    return fd, whole


def _settle(path: str) -> None:
    """Wait for the compression of a rotated file; do it here if its child died."""
    with contextlib.suppress(FileNotFoundError):
        fd = _open_locked(path)
        try:
            if os.path.exists(path):
                compress_file(fd, path, time.time_ns())
        finally:
            os.close(fd)


def _compress_behind(path: str, last_ns: int) -> None:
    """Compress in a child; it is ours to reap, and reaped by the kernel (the keeper ignores SIGCHLD)."""
    fd = _open_locked(path)
    try:
        if os.fork() != 0:
            return
        try:
            os.closerange(3, fd)
            os.closerange(fd + 1, 0x7FFFFFFF)
            compress_file(fd, path, last_ns)
        finally:
            os._exit(0)
    finally:
        os.close(fd)


def _open_locked(path: str) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def compress_file(fd: int, path: str, last_ns: int) -> None:
    """Write `path`.gz from the open file and remove `path`.

    The gzip header (RFC 1952) carries `{"lastTime":…}` as its extra field, so that a reader can skip what is too old.
    """
    extra = json.dumps({"lastTime": _rfc3339(last_ns)}, separators=(",", ":")).encode()
    temporary = f"{path}.gz.new"
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    checksum = size = 0
    with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, MODE)) as out:
        out.write(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", len(extra)) + extra)
        while block := os.pread(fd, BLOCK, size):
            checksum = zlib.crc32(block, checksum)
            size += len(block)
            out.write(deflate.compress(block))
        out.write(deflate.flush() + struct.pack("<II", checksum, size & 0xFFFFFFFF))
    os.rename(temporary, f"{path}.gz")
    os.unlink(path)


def _rfc3339(at_ns: int) -> str:
    second, fraction = divmod(at_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{fraction:09d}Z"
