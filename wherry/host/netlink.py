"""A socket to the kernel's network configuration: batches of requests, lists of what is there (rtnetlink(7)).

A socket belongs to the namespace it was made in, wherever it is used: one that a helper child opened in a container's
namespace configures that namespace from here. Errors are OSError whose text names the step and the kernel's reason.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from types import TracebackType

from wherry.host import netns
from wherry.host import rtmessages as rt

SECONDS = 10.0
"""How long an answer may take; the kernel works inside send(2), so it is there at once or never."""

SOL_NETLINK, CAP_ACK, EXT_ACK = 270, 10, 11
ERROR, DONE = 2, 3
CAPPED, ACK_TLVS = 0x100, 0x200
EXT_ACK_TEXT = 1
BUFFER = 64 * 1024
BATCH = 32
"""Requests per send: their acknowledgements must fit the receive buffer."""


class Netlink:
    """One netlink socket, of NETLINK_ROUTE unless opened for another protocol; not for two threads at a time."""

    def __init__(self, sock: socket.socket) -> None:
        """Take a socket of that protocol."""
        self._sock = sock
        self._sequence = 0
        sock.settimeout(SECONDS)
        sock.setsockopt(SOL_NETLINK, EXT_ACK, 1)
        sock.setsockopt(SOL_NETLINK, CAP_ACK, 1)

    @classmethod
    def open(cls, protocol: int = socket.NETLINK_ROUTE) -> "Netlink":
        """Open one in the namespace of this thread."""
        return cls(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol))

    @classmethod
    def from_fd(cls, fd: int) -> "Netlink":
        """Take over a descriptor, which is closed with the object, and at once if it is no such socket."""
        sock = socket.socket(fileno=fd)
        try:
            return cls(sock)
        except OSError:
            sock.close()
            raise

    def __enter__(self) -> "Netlink":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; twice is fine."""
        self._sock.close()

    def namespace(self) -> int:
        """Return a new descriptor of the network namespace that the socket lives in (SIOCGSKNS, Linux 4.10)."""
        fd = fcntl.ioctl(self._sock.fileno(), netns.SIOCGSKNS)
        os.set_inheritable(fd, False)
        return fd

    def run(self, *requests: rt.Request) -> None:
        """Do all requests in order, in few system calls; the kernel goes on after a refusal.

        OSError of the first refusal that its request does not tolerate, once all have been answered.
        """
        refused: OSError | None = None
        for start in range(0, len(requests), BATCH):
            refused = self._batch(requests[start : start + BATCH]) or refused
            if refused is not None:
                raise refused

    def link(self, name: str) -> rt.Link | None:
        """Return the interface of that name, or None."""
        try:
            return rt.parse_link(self.ask(rt.get_link(name)))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise

    def ask(self, request: rt.Request) -> bytes:
        """Return the body of the one answer to a request; OSError of a refusal."""
        sequence = self._send((request,))
        for kind, answer, body in self._receive():
            if answer == sequence:
                if kind == ERROR:
                    raise _error(request, _refusal(body), body)
                return body
        raise OSError(errno.EBADMSG, f"{request.step}: the kernel's answer is not understood")

    def links(self) -> list[rt.Link]:
        """List the interfaces."""
        return [rt.parse_link(body) for body in self.dump(rt.dump_links())]

    def addresses(self) -> list[rt.Assigned]:
        """List the IPv4 addresses of all interfaces."""
        found = (rt.parse_address(body) for body in self.dump(rt.dump_addresses()))
        return [address for address in found if address is not None]

    def routes(self) -> list[rt.Destination]:
        """List the IPv4 unicast routes of the main table."""
        found = (rt.parse_route(body) for body in self.dump(rt.dump_routes()))
        return [route for route in found if route is not None]

    def _send(self, requests: Sequence[rt.Request]) -> int:
        first = self._sequence + 1
        self._sequence += len(requests)
        self._sock.send(b"".join(request.encode(first + n) for n, request in enumerate(requests)))
        return first

    def _batch(self, requests: Sequence[rt.Request]) -> OSError | None:
        first = self._send(requests)
        refused: OSError | None = None
        waiting = len(requests)
        while waiting:
            for kind, sequence, body in self._receive():
                if kind != ERROR or not first <= sequence < first + len(requests):
                    continue
                waiting -= 1
                request, number = requests[sequence - first], _refusal(body)
                if number and number not in request.tolerate and refused is None:
                    refused = _error(request, number, body)
        return refused

    def dump(self, request: rt.Request) -> list[bytes]:
        """Return the bodies of all answers to a request that lists; OSError of a refusal."""
        sequence = self._send((request,))
        found: list[bytes] = []
        while True:
            for kind, answer, body in self._receive():
                if answer != sequence:
                    continue
                if kind == DONE:
                    return found
                if kind == ERROR:
                    raise _error(request, _refusal(body), body)
                found.append(body)

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield kind with error flags dropped, sequence and body of each message of one datagram."""
        data = self._sock.recv(BUFFER)
        offset = 0
        while offset + rt.HEADER.size <= len(data):
            length, kind, flags, sequence, _ = rt.HEADER.unpack_from(data, offset)
            if length < rt.HEADER.size:
                return
            body = data[offset + rt.HEADER.size : offset + length]
            yield kind, sequence, body if flags & ACK_TLVS or kind != ERROR else body[:4]
            offset += (length + 3) & ~3


def _refusal(body: bytes) -> int:
    """Return the errno of an ERROR message, 0 for an acknowledgement."""
    return -int(struct.unpack_from("=i", body)[0])


def _error(request: rt.Request, number: int, body: bytes) -> OSError:
    """Make the error of a refusal; past errno and the request's header stand attributes in the kernel's words."""
    told = dict(rt.attributes(body[4 + rt.HEADER.size :])).get(EXT_ACK_TEXT, b"")
    words = told.rstrip(b"\0").decode(errors="replace")
    reason = f"{os.strerror(number)} ({words})" if words else os.strerror(number)
    return OSError(number, f"{request.step}: {reason}")
