"""Which hosts serve a registry, over what, and in which order they are asked (images.md 12.1)."""

import asyncio
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from wherry.base.errors import InvalidParameter
from wherry.base.refs import DEFAULT_DOMAIN, LEGACY_DOMAIN

HUB_HOST = "registry-1.docker.io"
HUB_NAMES = frozenset((DEFAULT_DOMAIN, LEGACY_DOMAIN, HUB_HOST))
LOOPBACK = ("::1/128", "127.0.0.0/8")
LOOKUP_SECONDS = 10.0

_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place where a registry may be reached."""

    base: str
    """URL that paths such as `/v2/` are added to, without a slash at its end."""
    insecure: bool = False
    """Whether its certificate may be anybody's."""
    mirror: bool = False
    """Asked anonymously, because credentials are for the registry; its failures are the next endpoint's chance."""


@dataclass(frozen=True, slots=True)
class Registries:
    """What the configuration says of registries, checked by `check_mirror` and `check_insecure`."""

    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks whose registries need no certificate, those of this machine last as Docker shows them."""
        return (*(entry for entry in self.insecure if _network(entry) is not None), *LOOPBACK)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts by name that need no certificate."""
        return tuple(entry for entry in self.insecure if _network(entry) is None)

    async def endpoints(self, domain: str) -> list[Endpoint]:
        """Return where a domain of references is served, the first to ask first.

        An insecure registry is tried by TLS before plain HTTP, as in Docker.
        """
        found: list[Endpoint] = []
        if domain == DEFAULT_DOMAIN:
            for mirror in self.mirrors:
                insecure = await self.is_insecure(urlsplit(mirror).netloc)
                found.append(Endpoint(mirror.rstrip("/"), insecure, mirror=True))
        host = HUB_HOST if domain in HUB_NAMES else domain
        insecure = await self.is_insecure(host)
        found.append(Endpoint(f"https://{host}", insecure))
        if insecure:
            found.append(Endpoint(f"http://{host}", insecure))
        return found

    async def is_insecure(self, host: str) -> bool:
        """Tell whether a host (with or without port) is configured so, or is in a network that is."""
        if host in self.hosts:
            return True
        networks = [network for text in self.networks if (network := _network(text)) is not None]
        # Only a name that is configured networks' business is looked up: the loopback is known by sight.
        addresses = _addresses(_bare(host))
        if not addresses and len(networks) > len(LOOPBACK):
            addresses = await _look_up(_bare(host))
        return any(address in network for address in addresses for network in networks)


def check_mirror(text: str) -> str:
    """Return a mirror's URL with a slash at its end; InvalidParameter in Docker's words."""
    parts = urlsplit(text)
    if not parts.scheme or "://" not in text:
        raise InvalidParameter(
            f"invalid mirror: no scheme specified for \"{text}\": must use either 'https://' or 'http://'"
        )
    if parts.scheme not in ("http", "https"):
        raise InvalidParameter(
            f"invalid mirror: unsupported scheme \"{parts.scheme}\" in \"{text}\": must use either 'https://' or 'http://'"
        )
    if parts.query or parts.fragment:
        raise InvalidParameter(f'invalid mirror: query or fragment at end of the URI "{text}"')
    if "@" in parts.netloc:
        raise InvalidParameter('invalid mirror: username/password not allowed in URI "xxxxx:xxxxx@"')
    _check_host(parts.netloc, text)
    return text.rstrip("/") + "/"


def check_insecure(text: str) -> str:
    """Return an entry of the insecure registries without its scheme; InvalidParameter in Docker's words."""
    entry = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
    if "://" in entry:
        raise InvalidParameter(f"insecure registry {text} should not contain '://'")
    if _network(entry) is None:
        _check_host(entry, text)
    return entry


def server_of(address: str) -> str:
    """Return the host that a `serveraddress` means: of `https://index.docker.io/v1/` `docker.io`."""
    host = re.sub(r"^[a-z]+://", "", address.strip(), flags=re.IGNORECASE).partition("/")[0]
    return DEFAULT_DOMAIN if host in HUB_NAMES else host


def _check_host(host: str, text: str) -> None:
    found = _HOST.fullmatch(host)
    if found is None:
        raise InvalidParameter(f'insecure registry {text} is not valid: invalid host "{host}"')
    if found[1] and not 0 < int(found[1]) < 65536:
        raise InvalidParameter(f'insecure registry {text} is not valid: invalid port "{found[1]}"')


def _network(text: str) -> Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _bare(host: str) -> str:
    """Return a host without its port, an IPv6 address without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _addresses(host: str) -> Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    if host == "localhost":
        return [ipaddress.IPv4Address("127.0.0.1")]
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        return []


async def _look_up(host: str) -> Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the addresses of a name, none if it has none: then no connection will come about either."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return [ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found]  # type: ignore[union-attr]
