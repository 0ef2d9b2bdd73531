"""Credentials that clients send in `X-Registry-Auth`, and what a registry asks for (images.md 12.3)."""

import base64
import re
from dataclasses import dataclass, field

import msgspec

from wherry.images.hosts import server_of

HEADER_LIMIT = 64 << 10
"""Characters of a header that is looked at; identity tokens have a few thousand."""
_TO_URL = str.maketrans("+/", "-_")
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:\s+|$)")
_PARAMETER = re.compile(rf"\s*({_TOKEN})\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|({_TOKEN}))\s*(?:,|$)")


class Credentials(msgspec.Struct, frozen=True, kw_only=True, rename="lower"):
    """Who a client is to a registry; all empty is nobody."""

    username: str = ""
    password: str = ""
    auth: str = ""
    """`user:password` in base64, as configuration files have it."""
    server_address: str = msgspec.field(default="", name="serveraddress")
    identity_token: str = msgspec.field(default="", name="identitytoken")
    registry_token: str = msgspec.field(default="", name="registrytoken")

    def __repr__(self) -> str:
        """Hide the secrets from logs."""
        return f"Credentials({self.username!r}, {self.server_address!r})"

    @property
    def basic(self) -> str:
        """The value of a header `Authorization`, empty without a password."""
        if not self.username and not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def are_for(self, domain: str) -> bool:
        """Tell whether they were given for the registry of a domain; those for no registry in particular are."""
        return not self.server_address or server_of(self.server_address) == domain


NOBODY = Credentials()


def read_credentials(header: str) -> Credentials:
    """Return what a header says; one that cannot be read is ignored, as in Docker, because old clients send junk."""
    text = header.strip()[:HEADER_LIMIT].translate(_TO_URL).rstrip("=")
    if not text:
        return NOBODY
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Credentials)
        if found.auth and not found.username:
            user, _, password = base64.b64decode(found.auth).decode().partition(":")
            return msgspec.structs.replace(found, username=user, password=password.strip("\0"))
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return NOBODY
    return found


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way of authentication that a registry offers; the scheme in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def read_challenges(headers: list[str]) -> list[Challenge]:
    """Return what headers `WWW-Authenticate` offer (RFC 9110, 11.6.1); what cannot be read ends a header."""
    found: list[Challenge] = []
    for header in headers:
        at = 0
        while (scheme := _SCHEME.match(header, at)) is not None:
            at = scheme.end()
            parameters: dict[str, str] = {}
            while (pair := _PARAMETER.match(header, at)) is not None:
                at = pair.end()
                value = re.sub(r"\\(.)", r"\1", pair[2]) if pair[2] is not None else pair[3]
                parameters.setdefault(pair[1].lower(), value)
            found.append(Challenge(scheme[1].lower(), parameters))
    return found
