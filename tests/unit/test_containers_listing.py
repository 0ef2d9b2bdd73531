"""Listing: filters, order, limit, entries."""

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.records import record
from wherry.base.errors import EngineError, InvalidParameter, NotFound
from wherry.base.faults import Faults
from wherry.containers.health import HEALTHY, Health
from wherry.containers.listing import Listing, command, parse_ports
from wherry.model.container import ContainerConfig, EndpointSettings, HostConfig, MountPoint
from wherry.model.query import ListOptions
from wherry.state.record import Endpoint, Phase, PortMapping, Record
from wherry.state.store import Store

ONE, OLD = "sha256:" + "1" * 64, "sha256:" + "0" * 64


async def image_ids(refs: Iterable[str]) -> Mapping[str, str]:
    known = {"busybox": ONE, "nginx": ONE}
    return {ref: known[ref] for ref in refs if ref in known}


async def sizes(rec: Record) -> tuple[int, int]:
    return (0, 7)


def health(rec: Record) -> Health | None:
    return Health(HEALTHY) if rec.name == "web" else None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    found = Store(str(tmp_path / "w.db"), Faults({}))
    await found.open()
    running = {"phase": Phase.RUNNING, "started_at": 5, "generation": 1}
    await found.insert(
        record(
            name="web",
            created=1,
            config=ContainerConfig(image="busybox", labels={"tier": "web", "x": ""}, exposed_ports={"80/tcp": {}}),
            endpoints_wished={"bridge": EndpointSettings()},
            network_ids={"bridge": "n" * 64},
            endpoints=(
                Endpoint(
                    network="bridge",
                    network_id="n" * 64,
                    endpoint_id="e" * 64,
                    driver="bridge",
                    gateway="172.17.0.1",
                    ports=(PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=81, protocol="udp"),),
                ),
            ),
            **running,
        )
    )
    await found.insert(
        record(
            name="db",
            created=2,
            config=ContainerConfig(image="postgres", labels={"tier": "db"}),
            image_id=OLD,
            phase=Phase.EXITED,
            started_at=5,
            finished_at=6,
            exit_code=3,
            mounts=(MountPoint(type="bind", source="/srv", destination="/data"),),
        )
    )
    await found.insert(
        record(name="web2", created=3, host_config=HostConfig(network_mode="none", annotations={"a": "b"}))
    )
    yield found
    await found.close()


async def listed(store: Store, filters: dict[str, list[str]] | None = None, **options: Any) -> list[str]:
    options.setdefault("every", True)
    entries = await Listing(store, image_ids, sizes, health)(ListOptions(filters=filters, **options))
    return [entry["Names"][0] for entry in entries]


async def test_newest_come_first_and_only_running_ones_unless_asked(store: Store) -> None:
    assert await listed(store) == ["/web2", "/db", "/web"]
    assert await listed(store, every=False) == ["/web"]
    assert await listed(store, every=False, limit=2) == ["/web2", "/db"]
    assert await listed(store, limit=-1) == ["/web2", "/db", "/web"]
    assert await listed(store, {"label": ["tier"]}, limit=1) == ["/db"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"name": ["web"]}, ["/web2", "/web"]),
        ({"name": ["^/web$"]}, ["/web"]),
        ({"name": ["^web$", "^db$"]}, ["/db", "/web"]),
        ({"name": ["("]}, []),
        ({"name": ["(a+)+$"]}, []),
        ({"name": ["a*a*a*a*a*b"]}, []),
        ({"name": ["w.*2"]}, ["/web2"]),
        ({"name": ["WEB"]}, []),
        ({"label": ["tier"]}, ["/db", "/web"]),
        ({"label": ["tier=web", "x"]}, ["/web"]),
        ({"label": ["tier=web", "tier=db"]}, []),
        ({"status": ["exited", "created"]}, ["/web2", "/db"]),
        ({"status": []}, ["/web2", "/db", "/web"]),
        ({"health": ["none"]}, ["/web2", "/db"]),
        ({"health": ["healthy"]}, ["/web"]),
        ({"health": ["none", "healthy"]}, ["/web2", "/db", "/web"]),
        ({"health": ["starting", "unhealthy"]}, []),
        ({"exited": ["3"]}, ["/db"]),
        ({"exited": ["0"]}, []),
        ({"since": ["db"]}, ["/web2"]),
        ({"before": ["db"]}, ["/web"]),
        ({"ancestor": ["busybox"]}, ["/web2", "/web"]),
        ({"ancestor": ["nope"]}, []),
        ({"volume": ["/srv"]}, ["/db"]),
        ({"volume": ["/data"]}, ["/db"]),
        ({"volume": [""]}, []),
        ({"network": ["bridge"]}, ["/web"]),
        ({"network": ["nnn"]}, ["/web"]),
        ({"network": [""]}, []),
        ({"expose": ["80"]}, ["/web"]),
        ({"expose": ["79-81/udp"]}, ["/web"]),
        ({"expose": ["81/tcp"]}, []),
        ({"publish": ["80-81/udp"]}, []),
        ({"publish": ["8080"]}, []),
        ({"publish": ["8000-8080/udp"]}, ["/web"]),
        ({"is-task": ["false"]}, ["/web2", "/db", "/web"]),
        ({"is-task": ["true"]}, []),
        ({"isolation": ["x"]}, ["/web2", "/db", "/web"]),
        ({"id": [""]}, []),
    ],
)
async def test_a_filter_chooses(store: Store, filters: dict[str, list[str]], names: list[str]) -> None:
    assert await listed(store, filters) == names


async def test_an_id_is_a_unique_prefix(store: Store) -> None:
    ident = store.get("db").id
    assert await listed(store, {"id": [ident[:20]]}) == ["/db"]


@pytest.mark.parametrize(
    ("filters", "kind", "words"),
    [
        ({"foo": ["a"]}, InvalidParameter, "invalid filter 'foo'"),
        (
            {"status": ["a"]},
            InvalidParameter,
            "invalid filter 'status=a': invalid value for state (a): "
            "must be one of created, running, paused, restarting, removing, exited, dead",
        ),
        (
            {"health": ["a"]},
            InvalidParameter,
            "invalid filter 'health=a': invalid value for health (a): "
            "must be one of none, starting, healthy, unhealthy",
        ),
        (
            {"exited": ["a"]},
            InvalidParameter,
            "invalid filter 'exited=a': strconv.Atoi: parsing \"a\": invalid syntax",
        ),
        ({"before": ["zz"]}, NotFound, "No such container: zz"),
        ({"is-task": ["x"]}, InvalidParameter, "invalid filter 'is-task=[x]'"),
        ({"is-task": ["true", "false"]}, InvalidParameter, "invalid filter 'is-task=[true false]'"),
        ({"publish": ["80:80"]}, InvalidParameter, "filter for 'publish' should not contain ':': 80:80"),
    ],
)
async def test_a_wrong_filter_is_refused(
    store: Store, filters: dict[str, list[str]], kind: type[EngineError], words: str
) -> None:
    with pytest.raises(kind) as raised:
        await listed(store, filters)
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x/y", 'error while looking up for expose x/y: strconv.ParseUint: parsing "x": invalid syntax'),
        ("99999", 'error while looking up for expose 99999: strconv.ParseUint: parsing "99999": value out of range'),
        ("90-80/tcp", "error while looking up for expose 90-80/tcp: Invalid range specified for the Port: 90-80"),
    ],
)
def test_a_wrong_port_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        parse_ports("expose", text)
    assert str(raised.value) == words


async def test_an_entry_shows_the_image_by_name_while_the_name_means_it(store: Store) -> None:
    entries = await Listing(store, image_ids, sizes, health)(ListOptions(every=True, size=True))
    shown = {entry["Names"][0]: entry for entry in entries}
    assert (shown["/web"]["Image"], shown["/db"]["Image"]) == ("busybox", OLD)
    assert "SizeRw" not in shown["/web"]
    assert (shown["/web"]["SizeRootFs"], shown["/db"]["Ports"], shown["/db"]["Labels"]) == (7, [], {"tier": "db"})
    assert shown["/web"]["Ports"] == [
        {"PrivatePort": 80, "Type": "tcp"},
        {"IP": "127.0.0.1", "PrivatePort": 81, "PublicPort": 8080, "Type": "udp"},
    ]
    assert shown["/web2"]["HostConfig"] == {"NetworkMode": "none", "Annotations": {"a": "b"}}
    assert shown["/web2"]["Labels"] == {}


def test_a_command_quotes_what_holds_a_blank() -> None:
    assert command(record(path="sh", args=["-c", "echo it's", "x"])) == "sh -c 'echo it's' x"
