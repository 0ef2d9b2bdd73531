"""Where a request begins and ends, what is none, and what the server gets for it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wherry.api.framing import FIELDS_LIMIT, HEAD_LIMIT, LINE_LIMIT, Chunked, Refusal, Sized, read_head
from wherry.base.errors import InvalidParameter

PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


def answer(data: bytes) -> bytes:
    """Return how bytes that are no request are refused."""
    with pytest.raises(Refusal) as caught:
        read_head(data)
    return caught.value.answer


def test_a_plain_head_goes_on_as_it_is() -> None:
    head = read_head(PING + b"more")
    assert head is not None
    assert (head.size, head.data, head.body.done) == (len(PING), PING, True)


def test_every_prefix_of_a_head_needs_more() -> None:
    assert [read_head(PING[:n]) for n in range(len(PING))] == [None] * len(PING)


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (b"BREW /a HTTP/1.1", b"TRACE /a HTTP/1.1"),
        (b"get /a HTTP/1.1", b"TRACE /a HTTP/1.1"),
        (b"CONNECT /a HTTP/1.0", b"TRACE /a HTTP/1.0"),
        (b"GET /a HTTP/1.7", b"GET /a HTTP/1.1"),
        (b"GET http://d:1/a?b=http://c HTTP/1.1", b"GET /a?b=http://c HTTP/1.1"),
        (b"GET http://d HTTP/1.1", b"GET / HTTP/1.1"),
        (b"OPTIONS * HTTP/1.1", b"OPTIONS / HTTP/1.1"),
        (b"GET /\xc3\xa9?\xff HTTP/1.1", b"GET /%C3%A9?%FF HTTP/1.1"),
    ],
)
def test_a_line_that_the_server_would_not_take(sent: bytes, line: bytes) -> None:
    head = read_head(sent + b"\r\nHost: d\r\n\r\n")
    assert head is not None
    assert head.data == line + b"\r\nHost: d\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\nHost: d\nA: b\n\n",
        b"GET / HTTP/1.1\nHost: d\r\nA: b\r\n\n",
        b"GET / HTTP/1.1\r\nHost: d\nA: b\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nA:\r\n\tb\r\n\r\n",
    ],
)
def test_bare_line_feeds_and_folded_values(sent: bytes) -> None:
    head = read_head(sent + b"\r\n\r\n")
    assert head is not None
    assert head.size == len(sent)
    assert head.data == b"GET / HTTP/1.1\r\nHost: d\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n" + PING,
        b" /_ping HTTP/1.1\r\n",
        b"hello\n",
        b"GET /_ping\r\n",
        b"GE(T /_ping HTTP/1.1\r\n",
        b"GET  /_ping HTTP/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"GET /_ping HTTP/11\r\n",
        b"GET /_ping http/1.1\r\n",
        b"\x16\x03\x01\x02\x00\n",
        b"GET _ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET ?a HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: d\r\n\r\n",
        b"BREW /% HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET / HTTP/1.1\r\n y\r\nHost: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nHost: e\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nabc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\na b: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\n: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\na: b\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\na: b\rc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: abc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: +1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: 1, 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: 9223372036854775808\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_no_request(data: bytes) -> None:
    head, _, text = answer(data).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 400 Bad Request",
        b"Content-Type: text/plain; charset=utf-8",
        b"Connection: close",
    ]
    assert text == b"400 Bad Request"


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request: missing required Host header", b""),
        (b"GET / HTTP/2.0\r\n\r\n", b"505 HTTP Version Not Supported: unsupported protocol version", b""),
        (b"GET / HTTP/1.1\r\nHost: " + b"d" * HEAD_LIMIT, b"431 Request Header Fields Too Large", b""),
        (b"G" * HEAD_LIMIT, b"431 Request Header Fields Too Large", b""),
        (PING[:-2] + b"a:\r\n" * FIELDS_LIMIT + b"\r\n", b"431 Request Header Fields Too Large", b""),
        (PING[:-2] + b"Transfer-Encoding: gzip\r\n\r\n", b"501 Not Implemented", b"Unsupported transfer encoding"),
        (PING[:-2] + b"Transfer-Encoding:\r\n\r\n", b"501 Not Implemented", b"Unsupported transfer encoding"),
        (
            PING[:-2] + b"Transfer-Encoding: x, chunked\r\n\r\n",
            b"501 Not Implemented",
            b"Unsupported transfer encoding",
        ),
    ],
)
def test_other_refusals(data: bytes, status: bytes, text: bytes) -> None:
    head, _, body = answer(data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert body == (text or status)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (b"content-LENGTH:2 ", Sized),
        (b"Transfer-Encoding: Chunked", Chunked),
        (b"X: content-length: 2", Sized),
    ],
)
def test_bodies(field: bytes, kind: type) -> None:
    head = read_head(PING[:-2] + field + b"\r\n\r\n")
    assert head is not None
    assert isinstance(head.body, kind)
    assert head.body.done is field.startswith(b"X")


def test_a_sized_body_ends_in_time() -> None:
    body = Sized(3)
    assert body.take(b"ab") == (b"ab", 2)
    assert body.take(b"cde") == (b"c", 1)
    assert body.done


CHUNKS = b"3\r\nabc\r\n0A ;x=y\r\n0123456789\r\n0\r\na: b\r\nnonsense\r\n\r\n"
PLAIN = b"abc0123456789"


def decode(chunks: bytes) -> bytes:
    """Return what chunks without extensions hold."""
    found = b""
    while chunks != b"0\r\n\r\n":
        size, _, rest = chunks.partition(b"\r\n")
        found += rest[: int(size, 16)]
        chunks = rest[int(size, 16) + 2 :]
    return found


@given(st.lists(st.integers(1, len(CHUNKS) - 1), max_size=8))
@example(list(range(len(CHUNKS))))
def test_chunks_in_any_pieces(cuts: list[int]) -> None:
    body, held, given_on = Chunked(), b"", b""
    at = 0
    for cut in [*sorted(cuts), len(CHUNKS)]:
        held += CHUNKS[at:cut]
        at = max(at, cut)
        part, used = body.take(held)
        given_on += part
        held = held[used:]
    assert (body.done, held) == (True, b"")
    assert decode(given_on) == PLAIN


def test_what_is_behind_the_chunks_stays() -> None:
    body = Chunked()
    assert body.take(CHUNKS + b"GET /")[1] == len(CHUNKS)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"zz\r\n", "invalid byte in chunk length"),
        (b"-1\r\n", "invalid byte in chunk length"),
        (b"\r\n", "empty hex number for chunk length"),
        (b"f" * 17 + b"\r\n", "http chunk length too large"),
        (b"2\n", "chunked line ends with bare LF"),
        (b"2\r\nabcd", "malformed chunked encoding"),
        (b"2\r\nab\n", "malformed chunked encoding"),
        (b"2" + b" " * LINE_LIMIT, "header line too long"),
        (b"0\r\n" + b"a" * LINE_LIMIT, "header line too long"),
    ],
)
def test_broken_chunks(data: bytes, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        Chunked().take(data)
    assert str(caught.value) == text
