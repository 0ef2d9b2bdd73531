"""The kernel's memory of flows: what it has decided on one, address translation too, holds until the flow is forgotten.

Source: linux/netfilter/nfnetlink_conntrack.h.
"""

import errno
import struct
from collections.abc import Collection

from wherry.host import rtmessages as rt
from wherry.host.netlink import Netlink

NETLINK_NETFILTER = 12
GET, DELETE = 1 << 8 | 1, 1 << 8 | 2
"""IPCTNL_MSG_CT_GET and IPCTNL_MSG_CT_DELETE of the subsystem NFNL_SUBSYS_CTNETLINK."""
HEADER = struct.pack("=BBH", rt.AF_INET, 0, 0)
"""struct nfgenmsg: family, version, resource."""
CTA_TUPLE_ORIG, CTA_FILTER, CTA_TUPLE_PROTO, CTA_PROTO_NUM, CTA_PROTO_DST_PORT = 1, 25, 2, 1, 3
CTA_FILTER_ORIG_FLAGS, BY_NUMBER, BY_DST_PORT = 1, 1 << 3, 1 << 5
UDP = 17


def forget_udp(kernel: Netlink, ports: Collection[int]) -> None:
    """Forget the IPv4 flows to UDP ports, so that the next packet meets the rules of now. Blocks; OSError.

    `kernel` speaks NETLINK_NETFILTER.
    """
    for port in ports:
        flows = [flow for body in kernel.dump(_list(port)) if (flow := _flow_to(port, body))]
        kernel.run(*(_delete(flow) for flow in flows))


def _list(port: int) -> rt.Request:
    """Ask for the flows to a port; a kernel before 5.8 heeds no filter and lists all."""
    protocol = rt.attribute(CTA_PROTO_NUM, bytes([UDP])) + rt.attribute(CTA_PROTO_DST_PORT, port.to_bytes(2, "big"))
    wanted = rt.attribute(CTA_TUPLE_ORIG | rt.NESTED, rt.attribute(CTA_TUPLE_PROTO | rt.NESTED, protocol))
    flags = rt.attribute(CTA_FILTER_ORIG_FLAGS, struct.pack("=I", BY_NUMBER | BY_DST_PORT))
    body = HEADER + wanted + rt.attribute(CTA_FILTER | rt.NESTED, flags)
    return rt.Request(f"list flows to udp port {port}", GET, rt.REQUEST | rt.DUMP, body)


def _delete(flow: bytes) -> rt.Request:
    body = HEADER + rt.attribute(CTA_TUPLE_ORIG | rt.NESTED, flow)
    return rt.Request("forget a flow", DELETE, rt.REQUEST | rt.ACK, body, (errno.ENOENT,))


def _flow_to(port: int, body: bytes) -> bytes:
    """Return the original direction of a listed flow, empty when it does not lead to the port."""
    flow = dict(rt.attributes(body[len(HEADER) :])).get(CTA_TUPLE_ORIG, b"")
    protocol = dict(rt.attributes(dict(rt.attributes(flow)).get(CTA_TUPLE_PROTO, b"")))
    leads = protocol.get(CTA_PROTO_NUM) == bytes([UDP]) and protocol.get(CTA_PROTO_DST_PORT) == port.to_bytes(2, "big")
    return flow if leads else b""
