"""What the resolver answers itself, and what it makes of packets that nobody should send."""

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.names.answers import answer, cut, is_answer, read_query, refuse_unread, room
from wherry.names.index import Index, View
from wherry.names.zones import Joined, Sandbox, Zone

HOSTS = ((("web", "www"), ("10.0.0.2", "fd00::2")), (("old",), ("10.0.0.3",)), (("new",), ("fd00::4",)))
MANY = ((("many",), tuple(f"10.1.{n}.1" for n in range(100))),)
VIEW = View(Sandbox("/s", (Joined("n"),)), {"n": Index(Zone("net", HOSTS + MANY))})


def ask(name: str, kind: str, **options: object) -> dns.message.Message | None:
    return answer(dns.message.make_query(name, kind, **options), VIEW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("web", "A", ["web. 600 IN A 10.0.0.2"]),
        ("WeB.", "A", ["WeB. 600 IN A 10.0.0.2"]),
        ("www.net", "AAAA", ["www.net. 600 IN AAAA fd00::2"]),
        ("old", "AAAA", []),
        ("new", "A", []),
        ("web", "MX", []),
        ("2.0.0.10.in-addr.arpa", "PTR", ["2.0.0.10.in-addr.arpa. 600 IN PTR web.net."]),
    ],
)
def test_known(name: str, kind: str, records: list[str]) -> None:
    answered = ask(name, kind)
    assert answered is not None
    assert [str(record) for record in answered.answer] == records
    assert answered.rcode() == dns.rcode.NOERROR
    assert answered.flags & dns.flags.RA
    assert not answered.flags & dns.flags.AA


def test_reverse_of_version_6() -> None:
    answered = ask("2" + ".0" * 27 + ".0.0.d.f.ip6.arpa", "PTR")
    assert answered is not None
    assert "PTR web.net." in str(answered.answer[0])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nobody", "A"),
        ("nobody", "MX"),
        ("web", "TXT"),
        ("web", "SRV"),
        ("web", "HTTPS"),
        ("9.9.0.10.in-addr.arpa", "PTR"),
        ("web", "PTR"),
        (".", "NS"),
        (".", "A"),
    ],
)
def test_for_others(name: str, kind: str) -> None:
    assert ask(name, kind) is None


def test_an_answer_that_is_too_long_is_cut_and_says_so() -> None:
    query = dns.message.make_query("many", "A")
    answered = answer(query, VIEW)
    assert answered is not None
    short = answered.to_wire(max_size=room(query, stream=False), prefer_truncation=True)
    assert len(short) <= 512
    assert dns.message.from_wire(short).flags & dns.flags.TC
    wide = dns.message.make_query("many", "A", use_edns=0, payload=4096)
    assert len(answer(wide, VIEW).to_wire(max_size=room(wide, stream=False))) > 512  # type: ignore[union-attr]
    assert not dns.message.from_wire(answered.to_wire(max_size=room(query, stream=True))).flags & dns.flags.TC


def test_a_servers_long_answer_is_cut_to_its_head() -> None:
    query = dns.message.make_query("many", "A")
    long = answer(query, VIEW).to_wire()  # type: ignore[union-attr]
    short = dns.message.from_wire(cut(long, query, 512))
    assert (short.id, short.question, short.answer) == (query.id, query.question, [])
    assert short.flags & dns.flags.TC
    assert cut(long, query, len(long)) == long


def test_packets_without_an_answer() -> None:
    reply = dns.message.make_response(dns.message.make_query("web", "A"))
    assert read_query(reply.to_wire()) is None
    assert read_query(b"short") is None
    assert read_query(b"") is None


def test_packets_that_are_refused() -> None:
    query = dns.message.make_query("web", "A").to_wire()
    assert read_query(query[:-1]) == dns.rcode.FORMERR
    assert read_query(query[:4] + bytes(8)) == dns.rcode.FORMERR
    assert read_query(query[:2] + b"\x20" + query[3:]) == dns.rcode.NOTIMP
    refused = dns.message.from_wire(refuse_unread(query, dns.rcode.FORMERR))
    assert (refused.rcode(), refused.id) == (dns.rcode.FORMERR, dns.message.from_wire(query).id)
    assert refused.flags & dns.flags.QR
    assert refused.flags & dns.flags.RD


def test_a_signed_query_is_answered_unsigned() -> None:
    query = dns.message.make_query("web", "A")
    query.use_tsig(dns.tsigkeyring.from_text({"key.": "c2VjcmV0"}))
    read = read_query(query.to_wire())
    assert isinstance(read, dns.message.Message)
    answered = answer(read, VIEW)
    assert answered is not None
    assert "10.0.0.2" in str(dns.message.from_wire(answered.to_wire()))


@given(st.binary(max_size=600))
def test_any_packet_is_read_or_refused(wire: bytes) -> None:
    digest(wire)


@given(st.data())
def test_any_packet_that_is_nearly_right_is_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["A", "PTR", "MX", "SRV", "OPT", "TSIG", "ANY"]))
    wire = bytearray(dns.message.make_query("2.0.0.10.in-addr.arpa", kind, use_edns=0).to_wire())
    for place in data.draw(st.lists(st.integers(0, len(wire) - 1), max_size=6)):
        wire[place] = data.draw(st.integers(0, 255))
    digest(bytes(wire) + data.draw(st.binary(max_size=40)))


def digest(wire: bytes) -> None:
    query = read_query(wire)
    if isinstance(query, dns.message.Message):
        answered = answer(query, VIEW)
        if answered is not None:
            answered.to_wire(max_size=room(query, stream=False), prefer_truncation=True)
        assert len(cut(bytes(2000), query, 512)) <= 512
    elif query is not None:
        assert len(refuse_unread(wire, query)) == 12


@given(st.binary(max_size=100))
def test_any_packet_may_be_taken_for_a_servers_answer(wire: bytes) -> None:
    query = dns.message.make_query("web", "A")
    assert not is_answer(wire, b"zz", query) or wire[:2] == b"zz"


def test_what_is_an_answer() -> None:
    query = dns.message.make_query("web", "A")
    ident = query.to_wire()[:2]
    reply = dns.message.make_response(query)
    assert is_answer(reply.to_wire(), ident, query)
    assert not is_answer(reply.to_wire(), b"zz", query)
    assert not is_answer(query.to_wire(), ident, query)
    other = dns.message.make_response(dns.message.make_query("web", "AAAA", id=query.id))
    assert not is_answer(other.to_wire(), ident, query)
    assert is_answer(refuse_unread(query.to_wire(), dns.rcode.REFUSED), ident, query)
    assert not is_answer(refuse_unread(query.to_wire(), dns.rcode.NOERROR), ident, query)
