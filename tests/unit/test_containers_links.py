"""Legacy links: what they are made of, and what they tell the container."""

import pytest

from tests.unit.network_fakes import endpoint
from tests.unit.records import record
from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.containers.links import (
    HOST_TARGET,
    Linked,
    aliases,
    find_linked,
    link_names,
    linked_env,
    names_by_link,
    relink,
    settle_links,
)
from wherry.model.container import ContainerConfig, EndpointSettings, HostConfig
from wherry.state.record import Link, Phase, Record

CONFIG = ContainerConfig(
    hostname="dbhost",
    env=["A=1=2", "PATH=/bin", "HOME=/", "odd"],
    exposed_ports=dict.fromkeys(("8899/tcp", "7001/tcp", "7000/tcp", "5432/tcp", "53/udp"), {}),
)
DB = record(
    id="d" * 64, name="my-db", config=CONFIG, phase=Phase.RUNNING, endpoints=(endpoint(),), host_config=HostConfig()
)
HOST = record(id="h" * 64, name="host", host_config=HostConfig(network_mode="host"))
SIDE = record(id="5" * 64, name="side", host_config=HostConfig(network_mode=f"container:{DB.id}"))
KNOWN = {rec.name: rec for rec in (DB, HOST, SIDE)} | {rec.id: rec for rec in (DB, HOST, SIDE)}


def find(ref: str) -> Record:
    if ref not in KNOWN:
        raise NotFound(f"No such container: {ref}")
    return KNOWN[ref]


def web(*links: str, mode: str = "bridge") -> Record:
    host = HostConfig(network_mode=mode, links=list(links))
    wished = {mode: EndpointSettings()}
    return record(name="web", host_config=host, endpoints_wished=wished, links=settle_links(host, find))


@pytest.mark.parametrize(
    ("entry", "alias"),
    [("my-db", "my-db"), ("my-db:x", "x"), ("/my-db:x", "x"), ("/my-db:/web/y", "y"), ("my-db:a/b", "a/b")],
)
def test_the_forms_of_a_link(entry: str, alias: str) -> None:
    assert web(entry).links == (Link(target=DB.id, name="my-db", alias=alias),)


def test_a_link_to_a_joiner_is_one_to_its_donor_and_the_first_alias_counts() -> None:
    assert web("side:x", "my-db:x", "my-db:").links == (Link(target=DB.id, name="my-db", alias="x"),)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("", "empty string specified for links"),
        ("a:b:c", "bad format for links: a:b:c"),
        ("none:x", "could not get container for none: No such container: none"),
        ("host:x", HOST_TARGET),
    ],
)
def test_refusals(entry: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        web(entry)
    assert str(caught.value) == text


def test_in_a_network_of_a_users_there_are_none() -> None:
    assert web("my-db:x", "none:y", mode="backend").links == ()


def test_names() -> None:
    rec = web("my-db:x", "my-db")
    assert link_names(rec, KNOWN.get) == ["/my-db:/web/x", "/my-db:/web/my-db"]
    assert link_names(rec, {}.get) == ["/my-db:/web/x", "/my-db:/web/my-db"]
    assert names_by_link([rec, DB]) == {DB.id: ["/web/x", "/web/my-db"]}


def test_hosts_lines() -> None:
    lines = [link.hosts_line() for link in find_linked(web("my-db:x", "my-db"), KNOWN.get)]
    assert lines == ["172.17.0.2\tx dbhost my-db\n", "172.17.0.2\tmy-db dbhost\n"]
    text = "127.0.0.1\tlocalhost\n1.1.1.1\tx dbhost my-db\n1.1.1.1\tother\n"
    assert relink(text, lines) == "127.0.0.1\tlocalhost\n172.17.0.2\tx dbhost my-db\n1.1.1.1\tother\n"


def test_a_target_that_is_not_up() -> None:
    rec = web("my-db:x")
    with pytest.raises(System, match="^Cannot link to a non running container: /my-db AS /web/x$"):
        find_linked(rec, {}.get)
    elsewhere = record(id=DB.id, name="my-db", phase=Phase.RUNNING)
    with pytest.raises(System, match=f"^container {DB.id} not attached to default bridge network$"):
        find_linked(rec, lambda _: elsewhere)
    assert find_linked(web("my-db:x", mode="none"), KNOWN.get) == ()


def test_environment() -> None:
    env = linked_env([Linked("/web/the-db", DB, "172.17.0.2")])
    assert env[:3] == [
        "THE_DB_PORT=tcp://172.17.0.2:5432",
        "THE_DB_PORT_7000_TCP_START=tcp://172.17.0.2:7000",
        "THE_DB_PORT_7000_TCP_PORT_START=7000",
    ]
    assert {"THE_DB_PORT_7000_TCP_END=tcp://172.17.0.2:7001", "THE_DB_PORT_7000_TCP_PORT_END=7001"} <= set(env)
    assert {"THE_DB_PORT_53_UDP=udp://172.17.0.2:53", "THE_DB_PORT_53_UDP_PROTO=udp"} <= set(env)
    assert env[-2:] == ["THE_DB_NAME=/web/the-db", "THE_DB_ENV_A=1=2"]
    assert linked_env([Linked("/web/x", record(), "1.1.1.1")]) == ["X_NAME=/web/x"]


def test_the_links_of_an_endpoint_are_aliases_for_whoever_is_called_so() -> None:
    entries = ["db:a", "db", "/db:/web/b", "other:a"]
    assert aliases(EndpointSettings(links=entries)) == {"a": "other", "db": "db", "b": "db"}
    assert aliases(EndpointSettings()) == {}


@pytest.mark.parametrize(
    ("entry", "text"), [("a:b:c", "bad format for links: a:b:c"), ("", "empty string specified for links")]
)
def test_a_bad_link_of_an_endpoint(entry: str, text: str) -> None:
    with pytest.raises(System, match=f"^{text}$"):
        aliases(EndpointSettings(links=[entry]))
