"""Which subnet and which address: the lowest that is free (network.md 4, 5)."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from wherry.base.errors import InvalidParameter
from wherry.state.record import Phase, Record

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


class Addresses:
    """Hands out the lowest free addresses of a subnet; the records say which are taken. For the loop, no I/O."""

    def __init__(self, records: Callable[[], Iterable[Record]]) -> None:
        """Take who knows the containers."""
        self._records = records
        self._handed: dict[str, tuple[int, IPv4Address]] = {}
        """What no record shows yet: by container, with the number of its run."""

    def take(self, rec: Record, gateway: IPv4Interface) -> IPv4Address | None:
        """Return an address for the run of a container that is being started; None when its subnet is full.

        It stays taken until the record shows it, and from then on while the record does; it is free again when the
        start has ended or the record is gone before.
        """
        known = {other.id: other for other in self._records()}
        self._handed = {
            ident: (generation, address)
            for ident, (generation, address) in self._handed.items()
            if ident != rec.id and _awaits(known.get(ident), generation)
        }
        taken = {gateway.ip, *(address for _, address in self._handed.values())}
        taken |= {IPv4Address(held.address) for other in known.values() for held in other.endpoints if held.address}
        address = next((address for address in gateway.network.hosts() if address not in taken), None)
        if address is not None:
            self._handed[rec.id] = (rec.generation, address)
        return address


def _awaits(rec: Record | None, generation: int) -> bool:
    """Tell whether a run is still being started and its record shows no endpoint yet."""
    return rec is not None and rec.phase is Phase.STARTING and rec.generation == generation and not rec.endpoints
