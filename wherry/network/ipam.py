"""Which subnet and which address: the lowest that is free (network.md 4, 5)."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from wherry.base.errors import Forbidden, InvalidParameter, System
from wherry.network.plan import Network, Pool
from wherry.state.record import Record

POOLS = (
    (IPv4Network("172.17.0.0/16"), 16),
    (IPv4Network("172.18.0.0/16"), 16),
    (IPv4Network("172.19.0.0/16"), 16),
    (IPv4Network("172.20.0.0/14"), 16),
    (IPv4Network("172.24.0.0/14"), 16),
    (IPv4Network("172.28.0.0/14"), 16),
    (IPv4Network("192.168.0.0/16"), 20),
)
"""Where subnets come from, in order, each with the prefix length that it is cut into."""
TAKEN = "Address already in use"


def free_subnet(reserved: Iterable[IPv4Network]) -> IPv4Network:
    """Return the lowest subnet that overlaps nothing reserved; InvalidParameter in Docker's words without any."""
    taken = list(reserved)
    for pool, length in POOLS:
        for subnet in pool.subnets(new_prefix=length):
            if not any(subnet.overlaps(other) for other in taken):
                return subnet
    raise InvalidParameter("all predefined address pools have been fully subnetted")


def first_address(subnet: IPv4Network) -> IPv4Interface:
    """Return the address of a new subnet's gateway."""
    return IPv4Interface((next(subnet.hosts()), subnet.prefixlen))


def usable(subnet: IPv4Network, part: IPv4Network) -> Iterator[IPv4Address]:
    """Yield the addresses of a part of a subnet; the ends of the subnet are no host's unless it has no others."""
    ends = {subnet.network_address, subnet.broadcast_address} if subnet.prefixlen < 31 else set()
    return (address for address in part if address not in ends)


class Addresses:
    """Hands out the lowest free addresses of networks; the records say which are taken. For the loop, no I/O."""

    def __init__(self, records: Callable[[], Iterable[Record]]) -> None:
        """Take who knows the containers."""
        self._records = records
        self._handed: dict[str, tuple[str, IPv4Address | None]] = {}
        """What no record shows yet: by endpoint, with its network."""

    def take(self, endpoint: str, network: Network, pool: Pool, wished: str) -> IPv4Address:
        """Return an address, the wished one or the lowest that is free.

        It stays taken until `forget`, and from then on while a record shows it. Forbidden and System in Docker's words.
        """
        taken = self._taken(network.ident) | pool.reserved
        if wished:
            address = IPv4Address(wished)
            if address in taken or address not in usable(pool.subnet, IPv4Network(address)):
                raise Forbidden(TAKEN)
        else:
            found = next((free for free in usable(pool.subnet, pool.range) if free not in taken), None)
            if found is None:
                where = f"this network's address pools: {network.name} ({network.ident})"
                raise System(f"no available IPv4 addresses on {where}")
            address = found
        self._handed[endpoint] = network.ident, address
        return address

    def join(self, endpoint: str, network: Network) -> None:
        """Note an endpoint without an address, so that its network is in use."""
        self._handed[endpoint] = network.ident, None

    def forget(self, endpoint: str) -> None:
        """Leave an endpoint to its record, which shows it or never will."""
        self._handed.pop(endpoint, None)

    def joining(self, network: str) -> set[str]:
        """Return the endpoints of a network that are about to be stored."""
        return {endpoint for endpoint, (ident, _) in self._handed.items() if ident == network}

    def _taken(self, network: str) -> set[IPv4Address]:
        shown = (held for rec in self._records() for held in rec.endpoints)
        taken = {IPv4Address(held.address) for held in shown if held.address and held.network_id == network}
        handed = {address for ident, address in self._handed.values() if ident == network and address is not None}
        return taken | handed
