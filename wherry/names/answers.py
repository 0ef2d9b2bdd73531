"""DNS messages of the resolver: which question it answers itself, and with what (network.md 15.2). Pure."""

import ipaddress
from collections.abc import Sequence
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from wherry.names.index import View

TTL: Final = 600
PLAIN: Final = 512
"""Most bytes of an answer over UDP to a client that names no size (RFC 1035 4.2.1)."""
LARGEST: Final = 65535
HEADER: Final = 12

FAMILIES: Final = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}


def read_query(wire: bytes) -> dns.message.Message | dns.rcode.Rcode | None:
    """Return the query of a packet, the code to refuse it with, or None for what deserves no answer at all.

    An answer gets none, or two resolvers would talk for ever.
    """
    if len(wire) < HEADER or wire[2] & 0x80:
        return None
    try:
        query = dns.message.from_wire(wire, keyring=False, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return dns.rcode.FORMERR
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    return query if len(query.question) == 1 else dns.rcode.FORMERR


def refuse_unread(wire: bytes, code: dns.rcode.Rcode) -> bytes:
    """Return the header alone that refuses a packet which cannot be read; its id and its operation come back."""
    return wire[:2] + bytes([wire[2] & 0x79 | 0x80, code]) + bytes(8)


def name_of(query: dns.message.Message) -> str:
    """Return the name that is asked for, without its last dot."""
    return query.question[0].name.to_text(omit_final_dot=True)


def answer(query: dns.message.Message, view: View) -> dns.message.Message | None:
    """Return the sandbox's own answer; None when the question is for others.

    A name that has no address of the wanted family, or no mail, is known all the same: the answer is empty, so that
    the client does not take it for missing, nor ask outside.
    """
    kind = query.question[0].rdtype
    if kind == dns.rdatatype.PTR:
        return _answer_reverse(query, view)
    if kind not in FAMILIES and kind != dns.rdatatype.MX:
        return None
    found = view.find(name_of(query))
    if not found:
        return None
    return reply(query, kind, [text for text in found if ipaddress.ip_address(text).version == FAMILIES.get(kind)])


def _answer_reverse(query: dns.message.Message, view: View) -> dns.message.Message | None:
    """Return the first name of whoever has the address in a network of the sandbox; others' addresses are for others.

    dockerd means to leave an address to a server outside that has answered its name with it (network.md 15.2), but
    compares that name with its last dot, so 28.5 never does; neither do we, who keep nothing of an answer.
    """
    try:
        address = dns.reversename.to_address(query.question[0].name)
    except (dns.exception.DNSException, ValueError):
        return None
    name = view.reverse(address)
    return reply(query, dns.rdatatype.PTR, [f"{name}."]) if name else None


def reply(query: dns.message.Message, kind: dns.rdatatype.RdataType, found: Sequence[str]) -> dns.message.Message:
    """Return the answer with these records, none for a known name without any."""
    answered = dns.message.make_response(query, recursion_available=True, our_payload=PLAIN)
    if found:
        asked = query.question[0].name
        answered.answer.append(dns.rrset.from_text_list(asked, TTL, dns.rdataclass.IN, kind, found))
    return answered


def refuse(query: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    """Return an answer that is only a code."""
    answered = dns.message.make_response(query, our_payload=PLAIN)
    answered.set_rcode(code)
    return answered


def room(query: dns.message.Message, stream: bool) -> int:
    """Return how many bytes the client takes: what EDNS says over UDP (RFC 6891 6.2.3), all over TCP."""
    return LARGEST if stream else max(PLAIN, query.payload)


def cut(wire: bytes, query: dns.message.Message, size: int) -> bytes:
    """Return a server's answer, or only its head marked as cut when the client has no room for it."""
    if len(wire) <= size:
        return wire
    head = refuse(query, dns.rcode.Rcode(wire[3] & 0x0F))
    head.flags |= dns.flags.TC | dns.flags.RA
    return head.to_wire()


def is_answer(wire: bytes, ident: bytes, query: dns.message.Message) -> bool:
    """Tell whether a packet answers our question: the same id, an answer, the same question.

    A refusal may leave the question out, as some servers do.
    """
    if len(wire) < HEADER or wire[:2] != ident or not wire[2] & 0x80:
        return False
    try:
        found = dns.message.from_wire(wire, keyring=False, question_only=True)
    except (dns.exception.DNSException, ValueError):
        return False
    if not found.question:
        return found.rcode() != dns.rcode.NOERROR
    return found.question == query.question
