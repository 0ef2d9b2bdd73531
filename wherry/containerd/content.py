"""The content store: blobs by digest, with labels that tie them together (images.md 3 and 4)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound, Unavailable
from wherry.containerd.channel import CALL_DEADLINE, Channel, Duplex
from wherry.containerd.gen.messages import Empty, FieldMask, message

CONTENT = "containerd.services.content.v1"
SERVICE = f"{CONTENT}.Content"
InfoMessage = message(f"{CONTENT}.Info")
InfoRequest = message(f"{CONTENT}.InfoRequest")
InfoResponse = message(f"{CONTENT}.InfoResponse")
UpdateRequest = message(f"{CONTENT}.UpdateRequest")
DeleteContentRequest = message(f"{CONTENT}.DeleteContentRequest")
ReadContentRequest = message(f"{CONTENT}.ReadContentRequest")
ReadContentResponse = message(f"{CONTENT}.ReadContentResponse")
WriteContentRequest = message(f"{CONTENT}.WriteContentRequest")
WriteContentResponse = message(f"{CONTENT}.WriteContentResponse")
AbortRequest = message(f"{CONTENT}.AbortRequest")

STAT, WRITE, COMMIT = range(3)
CHUNK = 1 << 20
"""Bytes per write: each costs a round trip of about half a millisecond."""
WRITE_DEADLINE = 60.0
"""Seconds for one answer of a write; the commit fsyncs the whole blob."""
LOCK_DEADLINE, LOCK_PAUSE, LOCK_PAUSE_LAST = 10.0, 0.01, 0.5
Chunks = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob of the store, its size in bytes."""

    digest: str
    size: int
    labels: dict[str, str]


class Content:
    """containerd's content service."""

    def __init__(self, channel: Channel) -> None:
        """Take the channel whose namespace the blobs are seen in."""
        self._channel = channel

    async def info(self, digest: str) -> Blob:
        """Return size and labels of a blob; NotFound."""
        reply = await self._channel.call(f"{SERVICE}/Info", InfoRequest(digest=digest), InfoResponse)
        return Blob(reply.info.digest, reply.info.size, dict(reply.info.labels))

    async def exists(self, digest: str) -> bool:
        """Tell whether the store has the blob."""
        try:
            await self.info(digest)
        except NotFound:
            return False
        return True

    async def read(self, digest: str, limit: int = 4 << 20) -> bytes:
        """Return a whole blob; NotFound, or InvalidParameter if it has more than `limit` bytes."""
        # One byte more than allowed tells a longer blob without a call for its size.
        data = b"".join([chunk async for chunk in self._read(digest, limit + 1)])
        if len(data) > limit:
            raise InvalidParameter(f"content {digest} is larger than {limit} bytes")
        return data

    async def stream(self, digest: str) -> AsyncIterator[bytes]:
        """Yield a blob in chunks of up to a few MiB; NotFound at the first."""
        async for chunk in self._read(digest, 0):
            yield chunk

    async def write(self, digest: str, size: int, chunks: Chunks, labels: dict[str, str], lease: str, ref: str) -> None:
        """Store a blob; one that exists is a success: it gets the labels, and the chunks may stay unread.

        `ref` names this write: one at a time has it, another waits up to 10 s (Unavailable); what an earlier one left
        is written over. InvalidParameter if the bytes do not match digest or size. A failure leaves nothing behind.
        """
        blob = Blob(digest, size, labels)
        try:
            async with self._session(blob, lease, ref) as (call, present):
                await self._fill(call, blob, chunks, present, ref)
        except Conflict:
            # containerd has put it under the lease, as if it were new, but left its labels alone.
            await self.label(digest, labels)

    async def label(self, digest: str, labels: dict[str, str]) -> None:
        """Set labels of a blob and keep its others; an empty value removes one. NotFound."""
        # To containerd no names in the mask means all fields, so that nothing to set would remove every label.
        if not labels:
            return
        request = UpdateRequest(
            info=InfoMessage(digest=digest, labels=labels),
            update_mask=FieldMask(paths=[f"labels.{name}" for name in labels]),
        )
        await self._channel.call(f"{SERVICE}/Update", request, InfoResponse)

    async def delete(self, digest: str) -> None:
        """Delete a blob; NotFound. The collector does this by itself for what nothing refers to."""
        await self._channel.call(f"{SERVICE}/Delete", DeleteContentRequest(digest=digest), Empty)

    @contextlib.asynccontextmanager
    async def _session(self, blob: Blob, lease: str, ref: str) -> AsyncIterator[tuple[Duplex, int]]:
        """Begin a write; yield the call and how many bytes are present under the name, which is ours from now on.

        The name may be locked by a write that was cut off a moment ago, whose end containerd has yet to see.
        """
        clock = asyncio.get_running_loop().time
        end, pause = clock() + LOCK_DEADLINE, LOCK_PAUSE
        stat = WriteContentRequest(action=STAT, ref=ref, total=blob.size, expected=blob.digest)
        while True:
            call = self._channel.duplex(f"{SERVICE}/Write", WriteContentResponse, idle=WRITE_DEADLINE, lease=lease)
            async with call as duplex:
                try:
                    present = (await duplex.exchange(stat)).offset
                except Unavailable:
                    if clock() > end:
                        raise
                else:
                    yield duplex, present
                    return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LOCK_PAUSE_LAST)

    async def _fill(self, call: Duplex, blob: Blob, chunks: Chunks, present: int, ref: str) -> None:
        """Write the bytes and commit; on failure leave nothing under the name.

        All bytes are present already if another namespace has the blob: containerd shares it with us at the commit.
        """
        try:
            if present != blob.size:
                await _send(call, blob, chunks, ref)
            commit = WriteContentRequest(
                action=COMMIT, ref=ref, total=blob.size, expected=blob.digest, offset=blob.size, labels=blob.labels
            )
            await call.exchange(commit)
        except Conflict:
            raise
        except BaseException as error:
            await self._abort(ref, error)
            raise

    async def _abort(self, ref: str, cause: BaseException) -> None:
        """Drop what was written; the cause of that stays the error that is seen."""
        try:
            await self._channel.call(f"{SERVICE}/Abort", AbortRequest(ref=ref), Empty)
        except EngineError as error:
            cause.add_note(f"could not drop the partial content {ref}: {error}")

    async def _read(self, digest: str, size: int) -> AsyncIterator[bytes]:
        """Yield the first `size` bytes, 0 for all."""
        request = ReadContentRequest(digest=digest, size=size)
        async for reply in self._channel.stream(f"{SERVICE}/Read", request, ReadContentResponse, idle=CALL_DEADLINE):
            yield reply.data


async def _send(call: Duplex, blob: Blob, chunks: Chunks, ref: str) -> None:
    """Write a blob's bytes from the start; InvalidParameter if they are more or fewer than its size."""
    offset = 0
    async for data in regroup(chunks, CHUNK):
        # Offset 0 makes containerd drop what an earlier write left.
        await call.exchange(WriteContentRequest(action=WRITE, ref=ref, offset=offset, data=data))
        offset += len(data)
    if offset != blob.size:
        raise InvalidParameter(f"content {blob.digest} has {offset} bytes, not {blob.size}")


async def regroup(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces of exactly `size`, the last one smaller; no bytes, no piece."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
