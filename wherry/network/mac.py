"""Link addresses: drawn at random or as a user wrote them (network.md 10.4)."""

import secrets


def random_mac() -> str:
    """Return a locally administered unicast address."""
    first, *rest = secrets.token_bytes(6)
    return bytes([first & 0xFE | 0x02, *rest]).hex(":")


def canonical_mac(text: str) -> str:
    """Return an address that was written with `:`, `-` or `.` as inspect shows it."""
    return bytes.fromhex(text.replace(":", "").replace("-", "").replace(".", "")).hex(":")
