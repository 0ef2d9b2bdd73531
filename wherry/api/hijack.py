"""Hijacked streams on the wire: how the requests that become one are answered (api-containers.md 2.1). Pure."""

from http import HTTPStatus

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
MULTIPLEXED_SINCE = (1, 42)


def content_type(multiplexed: bool, version: tuple[int, int]) -> str:
    """Return the media type of a stream; clients before 1.42 know one only."""
    return MULTIPLEXED if multiplexed and version >= MULTIPLEXED_SINCE else RAW


def opening(upgrade: bool, tty: bool, version: tuple[int, int], headers: bytes = b"") -> bytes:
    """Return the head that opens a stream; `headers` are whole lines that follow (exec sends the common ones)."""
    if not upgrade:
        return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n" % (RAW.encode(), headers)
    kind = content_type(not tty, version).encode()
    return b"HTTP/1.1 101 UPGRADED\r\nContent-Type: %b\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n%b\r\n" % (
        kind,
        headers,
    )


def refusal(status: int, text: str) -> bytes:
    """Return the whole answer to an attach that failed its checks: a head without length and plain text."""
    reason = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {reason}\r\nContent-Type: {RAW}\r\n\r\n{text}\r\n".encode()
