"""An uploaded archive: kept in a nameless temporary file, decompressed if need be, read by the names of its members."""

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import IO, Protocol, cast

import zstandard

from wherry.base.errors import InvalidParameter
from wherry.base.offload import offload
from wherry.containerd.content import regroup
from wherry.host import files
from wherry.host.errors import translate
from wherry.images.tarindex import Members, Span, read_members

PIECE = 1 << 20
"""Bytes read or written in one go."""
EXPANSION, EXPANSION_FREE = 1000, 1 << 30
"""An archive may grow so many times in decompression, and to so many bytes in any case."""
XZ_MEMORY = 256 << 20
ZSTD_WINDOW = 128 << 20
"""As `zstd --long` makes; larger ones must be asked for by whoever decompresses."""
XZ_MAGIC = b"\xfd7zXZ\0"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_MAGIC = b"\x1f\x8b\x08"
BZIP2_MAGIC = b"BZh"
BROKEN = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


class Source(Protocol):
    """Something that is read in pieces; an empty one is the end."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes."""
        ...


class Archive:
    """An indexed archive; every reader has a position of its own."""

    def __init__(self, file: IO[bytes], members: Members) -> None:
        """Take the uncompressed file and what it holds; `close` ends both."""
        self._file = file
        self._members = members

    def find(self, name: str) -> Span | None:
        """Return where a regular file is, links within the archive followed; None if there is none."""
        return self._members.find(name)

    async def read(self, span: Span, limit: int) -> bytes:
        """Return a whole member; InvalidParameter if it has more than `limit` bytes."""
        if span.size > limit:
            raise InvalidParameter(f"invalid archive: a document of {span.size} bytes, more than {limit}")
        return await self._read(span.offset, span.size)

    async def head(self, span: Span, size: int) -> bytes:
        """Return a member's first bytes."""
        return await self._read(span.offset, min(size, span.size))

    async def chunks(self, span: Span) -> AsyncIterator[bytes]:
        """Yield a member in pieces of 1 MiB."""
        for at in range(0, span.size, PIECE):
            yield await self._read(span.offset + at, min(PIECE, span.size - at))

    async def digest(self, span: Span) -> str:
        """Return a member's digest, `sha256:…`."""
        found = sha256()
        async for piece in self.chunks(span):
            await offload(found.update, piece)
        return f"sha256:{found.hexdigest()}"

    def close(self) -> None:
        """Drop the file, which has no name: its space is free at once."""
        self._file.close()

    async def _read(self, offset: int, size: int) -> bytes:
        return await offload(_read, self._file.fileno(), size, offset)


async def receive(chunks: AsyncIterator[bytes], directory: str) -> Archive:
    """Spool an archive below the directory and index it; the caller closes it.

    Plain or compressed by gzip, zstd, bzip2 or xz. InvalidParameter in Docker's words if it cannot be read as a tar.
    """
    file = await offload(_make, directory)
    try:
        async for piece in regroup(chunks, PIECE):
            await offload(_write, file, piece)
        file = await _expanded(file, directory)
        return Archive(file, await offload(read_members, file.fileno()))
    except BaseException:
        file.close()
        raise


async def _expanded(file: IO[bytes], directory: str) -> IO[bytes]:
    """Return the file decompressed and close it, or the file itself if it is not compressed."""
    source = await offload(decompressor, file)
    if source is None:
        return file
    size = os.fstat(file.fileno()).st_size
    left = max(EXPANSION_FREE, EXPANSION * size)
    target = await offload(_make, directory)
    try:
        while piece := await offload(_decompress, source):
            left -= len(piece)
            if left < 0:
                raise InvalidParameter(f"failed to decompress input tar archive: {size} bytes become too many")
            await offload(_write, target, piece)
    except BaseException:
        target.close()
        raise
    file.close()
    return target


def decompressor(file: IO[bytes]) -> Source | None:
    """Return what decompresses a file from its start by what its first bytes say, None if it is not compressed."""
    head = os.pread(file.fileno(), len(XZ_MAGIC), 0)
    file.seek(0)
    if head.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if head.startswith(BZIP2_MAGIC):
        return bz2.BZ2File(file, "rb")
    if head.startswith(XZ_MAGIC):
        return Xz(file)
    if head.startswith(ZSTD_MAGIC):
        decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        return cast(Source, decoder.stream_reader(file, read_size=PIECE, read_across_frames=True, closefd=False))
    return None


class Xz:
    """Decompresses xz streams; unlike the library's own reader it bounds the memory that a header may ask for."""

    def __init__(self, file: IO[bytes]) -> None:
        """Take a file at its start."""
        self._file = file
        self._decoder = self._new()

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end; EOFError if the file is cut off."""
        while True:
            data = self._next()
            if self._decoder.eof:
                if not data:
                    return b""
                self._decoder = self._new()
            elif not data and self._decoder.needs_input:
                raise EOFError("unexpected EOF")
            if piece := self._decoder.decompress(data, size):
                return piece

    def _next(self) -> bytes:
        """Return the input that is next: none if the decoder has enough, what follows its stream if that has ended."""
        if not self._decoder.eof:
            return self._file.read(PIECE) if self._decoder.needs_input else b""
        # Streams may be padded with zeros.
        rest = self._decoder.unused_data.lstrip(b"\0")
        return rest or self._file.read(PIECE).lstrip(b"\0")

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


def _decompress(source: Source) -> bytes:
    try:
        return source.read(PIECE)
    except BROKEN as error:
        raise InvalidParameter(f"failed to decompress input tar archive: {error}") from error
    except OSError as error:
        if error.errno is not None:
            with translate("read the archive"):
                raise
        raise InvalidParameter(f"failed to decompress input tar archive: {error}") from error


def _read(fd: int, size: int, offset: int) -> bytes:
    with translate("read the archive"):
        return os.pread(fd, size, offset)


def _make(directory: str) -> IO[bytes]:
    with translate("keep the archive"):
        return files.spool(directory)


def _write(file: IO[bytes], piece: bytes) -> None:
    with translate("keep the archive"):
        files.write_all(file, piece)
