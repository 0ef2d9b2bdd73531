"""Flows in the kernel's own words."""

from wherry.host import conntrack
from wherry.host import rtmessages as rt


def flow(protocol: int, port: int) -> bytes:
    """A listed flow, as the kernel writes it."""
    number = rt.attribute(conntrack.CTA_PROTO_NUM, bytes([protocol]))
    number += rt.attribute(2, (4000).to_bytes(2, "big"))
    number += rt.attribute(conntrack.CTA_PROTO_DST_PORT, port.to_bytes(2, "big"))
    addresses = rt.attribute(1 | rt.NESTED, rt.attribute(1, bytes(4)) + rt.attribute(2, bytes(4)))
    original = addresses + rt.attribute(conntrack.CTA_TUPLE_PROTO | rt.NESTED, number)
    return conntrack.HEADER + rt.attribute(conntrack.CTA_TUPLE_ORIG | rt.NESTED, original) + rt.attribute(3, bytes(4))


def test_only_flows_to_the_port_are_forgotten() -> None:
    found = conntrack._flow_to(5353, flow(17, 5353))
    assert found
    assert conntrack._delete(found).body == flow(17, 5353)[: len(conntrack._delete(found).body)]
    for other in (flow(6, 5353), flow(17, 5354), conntrack.HEADER, b""):
        assert conntrack._flow_to(5353, other) == b""


def test_a_list_is_of_one_port() -> None:
    request = conntrack._list(5353)
    assert conntrack._flow_to(5353, request.body)
    assert conntrack.CTA_FILTER in dict(rt.attributes(request.body[len(conntrack.HEADER) :]))
