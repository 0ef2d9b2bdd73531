from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network

import pytest

from tests.unit.network_fakes import GATEWAY, NETWORK, endpoint, starting
from wherry.base.errors import Forbidden, InvalidParameter, System
from wherry.network.ipam import POOLS, Addresses, first_address, free_subnet
from wherry.network.mac import canonical_mac, random_mac
from wherry.network.plan import Network, Pool
from wherry.state.record import Phase, Record


def test_subnets_come_lowest_first_and_end() -> None:
    taken: list[IPv4Network] = []
    for _ in range(31):
        taken.append(free_subnet(taken))
    with pytest.raises(InvalidParameter, match="^all predefined address pools have been fully subnetted$"):
        free_subnet(taken)
    assert [str(subnet) for subnet in (*taken[:4], *taken[14:16], taken[-1])] == [
        "172.17.0.0/16",
        "172.18.0.0/16",
        "172.19.0.0/16",
        "172.20.0.0/16",
        "172.31.0.0/16",
        "192.168.0.0/20",
        "192.168.240.0/20",
    ]


def test_a_subnet_overlaps_nothing_reserved() -> None:
    reserved = [IPv4Network("172.17.4.0/24"), IPv4Network("172.16.0.0/13"), IPv4Network("172.24.0.1/32")]
    assert free_subnet(reserved) == IPv4Network("172.25.0.0/16")
    assert free_subnet([pool for pool, _ in POOLS[:-1]]) == IPv4Network("192.168.0.0/20")


def test_first_address() -> None:
    assert first_address(IPv4Network("172.18.0.0/16")) == IPv4Interface("172.18.0.1/16")


class Known(dict[str, Record]):
    """Records by id, and the addresses that they make free."""

    def __init__(self, gateway: IPv4Interface = GATEWAY) -> None:
        self.addresses = Addresses(self.values)
        self.pool = Pool.of(gateway)

    def take(self, endpoint: str, wished: str = "", network: Network = NETWORK) -> str:
        return str(self.addresses.take(endpoint, network, self.pool, wished))

    def add(self, **changes: object) -> Record:
        rec = starting(**changes)  # type: ignore[arg-type]
        self[rec.id] = rec
        return rec


def test_two_starts_before_either_is_saved() -> None:
    known = Known()
    assert [known.take("one"), known.take("two")] == ["172.17.0.2", "172.17.0.3"]
    known.addresses.forget("one")
    known.addresses.forget("one")
    assert known.take("three") == "172.17.0.2"


def test_a_saved_address_is_taken_until_its_record_lets_go() -> None:
    known = Known()
    known.take("one")
    rec = starting(endpoint(address="172.17.0.2"), phase=Phase.EXITED, owed=("endpoints",))
    known[rec.id] = rec
    known.addresses.forget("one")
    assert known.take("two") == "172.17.0.3"
    del known[rec.id]
    assert known.take("three") == "172.17.0.2"


def test_networks_do_not_share_addresses() -> None:
    known = Known()
    other = replace(NETWORK, ident="d" * 64)
    assert [known.take("one"), known.take("two", network=other)] == ["172.17.0.2", "172.17.0.2"]
    assert (known.addresses.joining("d" * 64), known.addresses.joining("e" * 64)) == ({"two"}, set())


def test_a_full_subnet() -> None:
    known = Known(IPv4Interface("10.0.0.1/30"))
    assert known.take("one") == "10.0.0.2"
    with pytest.raises(System, match=rf"^no available IPv4 addresses on .*: bridge \({NETWORK.ident}\)$"):
        known.take("two")


def test_gateways_in_odd_places() -> None:
    assert Known(IPv4Interface("10.0.0.2/29")).take("one") == "10.0.0.1"
    assert Known(IPv4Interface("10.0.0.0/31")).take("one") == "10.0.0.1"
    with pytest.raises(System, match="no available IPv4 addresses"):
        Known(IPv4Interface("10.0.0.0/32")).take("one")


def test_wished_addresses() -> None:
    known = Known()
    assert known.take("one", "172.17.0.9") == "172.17.0.9"
    for taken in ("172.17.0.9", "172.17.0.1", "172.17.0.0", "172.17.255.255"):
        with pytest.raises(Forbidden, match="^Address already in use$"):
            known.take("two", taken)


def test_random_macs_are_local_and_unicast() -> None:
    first = {int(random_mac()[:2], 16) & 3 for _ in range(50)}
    assert first == {2}
    assert len(random_mac()) == 17


@pytest.mark.parametrize("text", ["02-AB-00-00-00-01", "02ab.0000.0001", "02:ab:00:00:00:01"])
def test_macs_as_written(text: str) -> None:
    assert canonical_mac(text) == "02:ab:00:00:00:01"
