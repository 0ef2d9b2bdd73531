"""Capture: the first bytes of an output, and nothing of a flood."""

import asyncio
import os
import socket

import pytest

from wherry.streams.capture import Capture


@pytest.mark.parametrize(
    ("written", "kept"),
    [([], b""), ([b"ab"], b"ab"), ([b"ab", b"cd"], b"abcd"), ([b"abcde"], b"abcd..."), ([b"abc", b"de"], b"abcd...")],
)
async def test_what_is_kept(written: list[bytes], kept: bytes) -> None:
    capture = Capture(4)
    for data in written:
        os.write(capture.peer, data)
    os.close(capture.peer)
    assert capture.finish() == kept
    assert capture.finish() == kept


async def test_output_is_read_as_it_comes_and_a_flood_is_hung_up_on() -> None:
    capture = Capture(4)
    peer = socket.socket(fileno=capture.peer)
    peer.setblocking(False)
    peer.send(b"abc")
    await asyncio.sleep(0.002)
    peer.send(b"defg")
    async with asyncio.timeout(5):
        await asyncio.get_running_loop().sock_recv(peer, 1)  # the end
    with pytest.raises(BrokenPipeError):
        peer.send(b"more")
    peer.close()
    assert capture.finish() == b"abcd..."


async def test_finish_waits_for_nobody() -> None:
    capture = Capture(4)
    os.write(capture.peer, b"ab")
    assert capture.finish() == b"ab"
    os.close(capture.peer)
