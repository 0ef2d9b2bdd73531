"""Which network answers for a name (network.md 15.2)."""

import random

import pytest

from wherry.names.index import Index, View
from wherry.names.zones import (
    Joined,
    Member,
    Sandbox,
    Server,
    Zone,
    decode_sandbox,
    decode_zone,
    encode_sandbox,
    encode_zone,
    upstreams,
    zones,
)

MEMBERS = (
    Member("n1", "front", ("web", "www", "a1b2c3"), ("10.1.0.2", "fd01::2")),
    Member("n1", "front", ("web2", "www"), ("10.1.0.3",)),
    Member("n1", "front", ("dotted.name",), ("10.1.0.4",)),
    Member("n2", "back", ("web",), ("10.2.0.2",)),
    Member("n2", "back", ("Db",), ("10.2.0.3",)),
    Member("n3", "other.net", ("far",), ("10.3.0.2",)),
)


def view(*joined: Joined) -> View:
    indexes = {ident: Index(zone) for ident, zone in zones(MEMBERS).items()}
    return View(Sandbox("/run/netns/s", joined), indexes)


BOTH = view(Joined("n1"), Joined("n2"))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("web", ["10.1.0.2", "fd01::2"]),
        ("WEB", ["10.1.0.2", "fd01::2"]),
        ("web.back", ["10.2.0.2"]),
        ("web.BACK", ["10.2.0.2"]),
        ("db", ["10.2.0.3"]),
        ("db.front", []),
        ("a1b2c3", ["10.1.0.2", "fd01::2"]),
        ("dotted.name", ["10.1.0.4"]),
        ("dotted.name.front", ["10.1.0.4"]),
        ("name", []),
        ("far", []),
        ("far.other.net", []),
        ("", []),
        (".", []),
        ("front", []),
        (".front", []),
        ("...", []),
    ],
)
def test_find(name: str, found: list[str]) -> None:
    assert sorted(BOTH.find(name)) == found


def test_the_first_network_answers_and_the_addresses_of_two_are_never_joined() -> None:
    assert view(Joined("n2"), Joined("n1")).find("web") == ["10.2.0.2"]


def test_a_network_whose_name_has_a_dot() -> None:
    assert view(Joined("n3")).find("far.other.net") == ["10.3.0.2"]


def test_a_name_of_several_has_all_addresses_in_random_order() -> None:
    random.seed(1)
    orders = {tuple(BOTH.find("www")) for _ in range(100)}
    assert {frozenset(order) for order in orders} == {frozenset({"10.1.0.2", "fd01::2", "10.1.0.3"})}
    assert len(orders) == 6


def test_own_aliases_come_before_names_and_hide_them() -> None:
    linked = view(Joined("n1", {"DB": "web2", "web2": "gone"}), Joined("n2"))
    assert linked.find("db") == ["10.1.0.3"]
    assert linked.find("db.front") == ["10.1.0.3"]
    assert linked.find("db.back") == ["10.2.0.3"]
    assert linked.find("web2") == []


def test_reverse() -> None:
    assert BOTH.reverse("10.1.0.2") == BOTH.reverse("fd01::2") == "web.front"
    assert BOTH.reverse("10.2.0.3") == "Db.back"
    assert BOTH.reverse("10.3.0.2") == ""


def test_what_is_known_later_is_found() -> None:
    indexes: dict[str, Index] = {}
    late = View(Sandbox("/s", (Joined("n"),)), indexes)
    assert late.find("x") == []
    indexes["n"] = Index(Zone("net", ((("x",), ("10.0.0.1",)),)))
    assert late.find("x") == ["10.0.0.1"]


def test_the_order_of_members_makes_no_difference() -> None:
    assert zones(MEMBERS) == zones(reversed(MEMBERS))


def test_upstreams() -> None:
    inside = (Server("10.0.0.1"), Server("127.0.0.11"))
    servers = (*inside, Server("10.0.0.2", from_host=True), Server("10.0.0.3"), Server("10.0.0.4"))
    told = Sandbox("/s", (), servers)
    assert [server.address for server in upstreams(told)] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    internal = Sandbox("/s", (), servers, external=False)
    assert [server.address for server in upstreams(internal)] == ["10.0.0.1", "10.0.0.3", "10.0.0.4"]


def test_what_is_told_comes_back_from_its_code() -> None:
    told = Sandbox("/run/netns/s1", (Joined("n1", {"a": "b"}),), (Server("10.0.0.1", True, 54),), False, True)
    assert decode_sandbox(encode_sandbox(told)) == told
    assert told.name == "s1"
    for zone in zones(MEMBERS).values():
        assert decode_zone(encode_zone(zone)) == zone
