"""Host ports: a socket that keeps one from other processes and answers nobody; which ports the kernel hands out."""

import ctypes
import socket
import struct

RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"
FALLBACK = range(49153, 65536)
"""RFC 6335, for a kernel that does not say its own."""
SO_ATTACH_FILTER = 26
_DROP_ALL = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""One BPF instruction (linux/filter.h): BPF_RET | BPF_K, accept 0 bytes."""


def hold_port(protocol: str, address: str, port: int) -> socket.socket:
    """Return a socket bound to a port of `tcp` or `udp`; OSError when it cannot be had.

    Every packet that reaches it is dropped. A TCP one listens, so that it is listed as taken, and so that connections
    of an earlier server that wait for their end do not keep the port (SO_REUSEADDR).
    """
    stream = protocol == "tcp"
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    try:
        _drop_all(held)
        if stream:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address, port))
        if stream:
            held.listen(0)
    except BaseException:
        held.close()
        raise
    return held


def _drop_all(held: socket.socket) -> None:
    program = ctypes.create_string_buffer(_DROP_ALL, len(_DROP_ALL))
    held.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(program)))


def local_ports() -> range:
    """Return the ports from which the kernel chooses (ip-sysctl.rst, ip_local_port_range)."""
    try:
        with open(RANGE, encoding="ascii") as file:
            first, last = map(int, file.read().split())
    except OSError:
        return FALLBACK
    return range(first, last + 1)


def reserved_ports() -> frozenset[int]:
    """Return the ports that nobody may choose for others (ip_local_reserved_ports); empty on a kernel without it."""
    try:
        with open(RESERVED, encoding="ascii") as file:
            return parse_ranges(file.read())
    except OSError:
        return frozenset()


def parse_ranges(text: str) -> frozenset[int]:
    """Return the numbers of `1,2-4,10-10`."""
    parts = (part.partition("-") for part in text.strip().split(",") if part)
    return frozenset(n for first, _, last in parts for n in range(int(first), int(last or first) + 1))
