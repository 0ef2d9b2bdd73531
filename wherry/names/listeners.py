"""The sockets of a sandbox's resolver, made inside its network namespace by a helper child of the zygote.

They have random ports, and rules of that namespace lead port 53 of the resolver's address there (network.md 15.1), so
that a process of the container may itself listen on port 53 of every address. Standard library only.
"""

import socket
from typing import Final

from wherry.host import netns
from wherry.host.nft import Nft
from wherry.host.packets import Message
from wherry.names.zones import RESOLVER

TABLE: Final = "ip docker-dns"
JOB: Final = "names.open"
BACKLOG: Final = 128


def open_listeners(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    """Return a UDP and a TCP socket in the namespace at `args["path"]`. OSError, or System of the packet filter."""
    netns.enter(args["path"])
    socks: list[socket.socket] = []
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            socks.append(socket.socket(socket.AF_INET, kind))
            socks[-1].bind((RESOLVER, 0))
        socks[1].listen(BACKLOG)
        Nft().run(rules(*(sock.getsockname()[1] for sock in socks)))
    except BaseException:
        for sock in socks:
            sock.close()
        raise
    return {}, [sock.detach() for sock in socks]


def rules(udp: int, tcp: int) -> str:
    """Return the commands that lead port 53 to these ports, in place of what an earlier resolver left."""
    ports = (("udp", udp), ("tcp", tcp))
    there = [f"ip daddr {RESOLVER} {name} dport 53 dnat to {RESOLVER}:{port};" for name, port in ports]
    back = [f"ip saddr {RESOLVER} {name} sport {port} snat to {RESOLVER}:53;" for name, port in ports]
    return f"""
add table {TABLE}
delete table {TABLE}
table {TABLE} {{
  chain dns-dnat {{ type nat hook output priority -100; {" ".join(there)} }}
  chain dns-snat {{ type nat hook postrouting priority 100; {" ".join(back)} }}
}}
"""
