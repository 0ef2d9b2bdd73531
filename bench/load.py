"""The load of the part `served`, a program of its own: `python -m bench.load PATH TARGET CONNECTIONS SECONDS`.

It keeps so many connections to a unix socket open, sends the same GET on each as soon as the last answer is read, and
prints a `Load` as JSON. It is apart from the bench so that its time is its own and can be told (`busy`): sockets, one
epoll and no HTTP library make a request cost it some 20 us, so that the engine is what limits.
"""

import dataclasses
import json
import re
import select
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass

from bench.table import percentile

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it."""

    per_second: float
    p99: float
    """Milliseconds."""
    busy: float
    """The program's own share of one core: near 1 it measured itself."""


def complete(answer: bytes) -> bool:
    """Tell whether an answer is there to its end (RFC 9112 6.3); ValueError when it is not a 200 with a known end."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"answered {head[:60]!r}")
    if length := LENGTH.search(head):
        return len(body) >= int(length[1])
    if CHUNKED.search(head):
        return answer.endswith(LAST_CHUNK)
    raise ValueError("the answer has no length")


def drive(path: str, target: str, connections: int, seconds: float) -> Load:
    """Ask for `seconds` on all connections and return what came of it; OSError or ValueError if one fails."""
    request = f"GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n".encode()
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(connections)]
        poll = stack.enter_context(select.epoll())
        for line in lines:
            line.connect(path)
            poll.register(line, select.EPOLLIN)
        begun, used = time.perf_counter(), time.process_time()
        for line in lines:
            line.sendall(request)
        spent = _exchange(poll, {line.fileno(): line for line in lines}, request, begun, begun + seconds)
        took = time.perf_counter() - begun
    if not spent:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return Load(len(spent) / took, percentile(spent, 99), (time.process_time() - used) / took)


def _exchange(
    poll: select.epoll, lines: dict[int, socket.socket], request: bytes, begun: float, until: float
) -> list[float]:
    """Read answers and ask anew; return the milliseconds of each."""
    clock, spent = time.perf_counter, []
    sent, read = dict.fromkeys(lines, begun), dict.fromkeys(lines, b"")
    while clock() < until:
        for handle, _ in poll.poll(1.0):
            part = lines[handle].recv(CHUNK_BYTES)
            if not part:
                raise ConnectionResetError("the engine has closed the connection")
            answer = read[handle] + part
            if not complete(answer):
                read[handle] = answer
                continue
            now = clock()
            spent.append((now - sent[handle]) * 1e3)
            sent[handle], read[handle] = now, b""
            lines[handle].sendall(request)
    return spent


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(drive(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
