"""Gratuitous ARP: neighbours learn the link address of an IPv4 address before they ask (RFC 5227 3, packet(7))."""

import ipaddress
import socket
import struct

ETHERTYPE = 0x0806
BROADCAST = b"\xff" * 6
ARP = struct.Struct("!HHBBH6s4s6s4s")
ETHERNET_IPV4 = (1, 0x0800, 6, 4)
REQUEST = 1


def announcement(address: ipaddress.IPv4Address, mac: str) -> bytes:
    """Return the Ethernet frame that says to all: this address is at this link address."""
    sender = bytes.fromhex(mac.replace(":", ""))
    head = BROADCAST + sender + ETHERTYPE.to_bytes(2, "big")
    return head + ARP.pack(*ETHERNET_IPV4, REQUEST, sender, address.packed, bytes(6), address.packed)


def announce(interface: str, address: ipaddress.IPv4Address, mac: str) -> None:
    """Send the announcement out of an interface of this namespace; on a bridge it reaches every port. OSError."""
    # Protocol 0 receives nothing: the socket is for sending only.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as sock:
        sock.sendto(announcement(address, mac), (interface, ETHERTYPE))
