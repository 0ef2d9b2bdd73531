from ipaddress import IPv4Interface, IPv4Network

import msgspec
import pytest

from tests.unit.network_fakes import GATEWAY, endpoint, starting
from wherry.base.errors import InvalidParameter
from wherry.network.ipam import POOLS, Addresses, first_address, free_subnet
from wherry.network.mac import canonical_mac, random_mac
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

    def __init__(self) -> None:
        self.addresses = Addresses(self.values)

    def take(self, rec: Record, gateway: IPv4Interface = GATEWAY) -> str:
        return str(self.addresses.take(rec, gateway))

    def add(self, rec: Record, **changes: object) -> Record:
        self[rec.id] = msgspec.structs.replace(rec, **changes)
        return self[rec.id]


def test_two_starts_before_either_is_saved() -> None:
    known = Known()
    one, two = known.add(starting()), known.add(starting())
    assert [known.take(one), known.take(two)] == ["172.17.0.2", "172.17.0.3"]


def test_a_saved_address_is_taken_until_its_record_lets_go() -> None:
    known = Known()
    one, two = known.add(starting()), known.add(starting())
    known.take(one)
    one = known.add(one, endpoints=(endpoint(address="172.17.0.2"),))
    assert known.take(two) == "172.17.0.3"
    known.add(one, phase=Phase.EXITED, owed=("endpoints",))
    assert known.take(two) == "172.17.0.3"
    known.add(one, phase=Phase.EXITED, endpoints=())
    assert known.take(two) == "172.17.0.2"


@pytest.mark.parametrize("end", ["failed", "gone", "again"])
def test_an_address_that_was_never_saved_does_not_leak(end: str) -> None:
    known = Known()
    one, two = known.add(starting()), known.add(starting())
    assert known.take(one) == "172.17.0.2"
    match end:
        case "failed":
            known.add(one, phase=Phase.CREATED)
        case "gone":
            del known[one.id]
        case _:
            known.add(one, generation=2)
    assert known.take(two) == "172.17.0.2"


def test_the_same_start_may_ask_again() -> None:
    known = Known()
    one = known.add(starting())
    assert [known.take(one), known.take(one)] == ["172.17.0.2", "172.17.0.2"]


def test_a_full_subnet() -> None:
    known = Known()
    one, two = known.add(starting()), known.add(starting())
    small = IPv4Interface("10.0.0.1/30")
    assert [known.take(one, small), known.take(two, small)] == ["10.0.0.2", "None"]


def test_gateways_in_odd_places() -> None:
    known = Known()
    one = known.add(starting())
    assert known.take(one, IPv4Interface("10.0.0.2/29")) == "10.0.0.1"
    assert known.take(one, IPv4Interface("10.0.0.0/31")) == "10.0.0.1"
    assert known.take(one, IPv4Interface("10.0.0.0/32")) == "None"


def test_random_macs_are_local_and_unicast() -> None:
    first = {int(random_mac()[:2], 16) & 3 for _ in range(50)}
    assert first == {2}
    assert len(random_mac()) == 17


@pytest.mark.parametrize("text", ["02-AB-00-00-00-01", "02ab.0000.0001", "02:ab:00:00:00:01"])
def test_macs_as_written(text: str) -> None:
    assert canonical_mac(text) == "02:ab:00:00:00:01"
