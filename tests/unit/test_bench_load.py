import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.load import complete, drive

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
def test_an_answer_is_complete_at_its_last_byte(answer: bytes) -> None:
    assert [complete(answer[:end]) for end in range(len(answer) + 1)] == [False] * len(answer) + [True]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_what_is_no_success_or_has_no_end_is_told(answer: bytes) -> None:
    with pytest.raises(ValueError, match="answer"):
        complete(answer)


def serve(server: socket.socket, answers: int) -> None:
    """Answer so many requests of one connection, then close it."""
    line, _ = server.accept()
    with line, contextlib.suppress(ConnectionError):
        for _ in range(answers):
            if not line.recv(1024):
                return
            line.sendall(PLAIN[:20])
            line.sendall(PLAIN[20:])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        yield server


def test_a_load_counts_answers(server: socket.socket) -> None:
    threads = [threading.Thread(target=serve, args=(server, 10**9), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    load = drive(server.getsockname(), "/x", 2, 0.1)
    assert load.per_second > 0
    assert 0 < load.p99 < 1e4
    assert 0 < load.busy <= 1.5


def test_a_load_that_loses_a_connection_is_told(server: socket.socket) -> None:
    thread = threading.Thread(target=serve, args=(server, 1), daemon=True)
    thread.start()
    with pytest.raises(ConnectionError):
        drive(server.getsockname(), "/x", 1, 10)
