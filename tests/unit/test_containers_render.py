"""How records look: status, State, networks, the answers of inspect."""

import msgspec
import pytest

from tests.unit.records import record
from wherry.base.units import SECOND
from wherry.containers.inspect import of_moment, of_record
from wherry.containers.layout import Layout
from wherry.containers.render import Json, mounts, networks, ports, state, status, status_text
from wherry.model.container import (
    ContainerConfig,
    EndpointIPAMConfig,
    EndpointSettings,
    HealthConfig,
    HostConfig,
    LogConfig,
    MountPoint,
)
from wherry.state.record import Endpoint, Phase, PortMapping, Record

NOW = 1_000 * SECOND
LAYOUT = Layout("/data", "/exec")
BRIDGE = Endpoint(
    network="bridge",
    network_id="n" * 64,
    endpoint_id="e" * 64,
    driver="bridge",
    address="172.17.0.2",
    prefix=16,
    gateway="172.17.0.1",
    mac="02:42:ac:11:00:02",
)
RUNNING = record(
    phase=Phase.RUNNING,
    pid=42,
    generation=1,
    started_at=NOW - 3 * SECOND,
    config=ContainerConfig(image="busybox", exposed_ports={"80/tcp": {}, "53/udp": {}}),
    host_config=HostConfig(network_mode="bridge", log_config=LogConfig(type="json-file", config={})),
    endpoints_wished={"bridge": EndpointSettings()},
    endpoints=(BRIDGE,),
    network_ids={"bridge": "n" * 64},
    sandbox_id="s" * 64,
    sandbox_key="/exec/netns/ssssssssssss",
)
STOPPED = msgspec.structs.replace(
    RUNNING, phase=Phase.EXITED, pid=0, endpoints=(), exit_code=3, finished_at=NOW - SECOND
)


def describe(rec: Record, execs: list[str], layout: Layout, sizes: tuple[int, int] | None) -> Json:
    """What inspect answers, without what other containers say."""
    kept = of_record(rec, layout)
    return kept | of_moment(kept["State"], execs, sizes, None)


@pytest.mark.parametrize(
    ("changes", "word", "text"),
    [
        ({}, "created", "Created"),
        ({"phase": Phase.CREATED, "exit_code": 127, "error": "no"}, "created", "Created"),
        ({"phase": Phase.STARTING, "rest": Phase.CREATED}, "created", "Created"),
        (
            {"phase": Phase.STARTING, "rest": Phase.EXITED, "exit_code": 1, "finished_at": NOW - SECOND},
            "exited",
            "Exited (1) 1 second ago",
        ),
        ({"phase": Phase.RUNNING, "started_at": NOW - 3 * SECOND}, "running", "Up 3 seconds"),
        (
            {"phase": Phase.EXITED, "exit_code": 137, "finished_at": NOW - 60 * SECOND},
            "exited",
            "Exited (137) About a minute ago",
        ),
        ({"phase": Phase.EXITED}, "exited", ""),
        ({"phase": Phase.REMOVING}, "removing", "Removal In Progress"),
        ({"phase": Phase.DEAD}, "dead", "Dead"),
    ],
)
def test_a_phase_has_a_word_and_a_sentence(changes: dict[str, object], word: str, text: str) -> None:
    rec = record(**changes)
    assert (status(rec), status_text(rec, NOW)) == (word, text)


def test_state_of_a_running_container() -> None:
    shown = state(RUNNING)
    assert (shown["Status"], shown["Running"], shown["Dead"], shown["Pid"]) == ("running", True, False, 42)
    assert (shown["StartedAt"], shown["FinishedAt"]) == ("1970-01-01T00:16:37Z", "0001-01-01T00:00:00Z")


def test_dead_and_removing_are_flags_of_their_own() -> None:
    assert state(record(phase=Phase.DEAD))["Dead"] is True
    assert state(record(phase=Phase.REMOVING))["Dead"] is False


def test_networks_show_wishes_then_results_then_the_id() -> None:
    wish = {"bridge": EndpointSettings(mac_address="02:42:ac:11:00:09")}
    before = networks(record(endpoints_wished=wish))["bridge"]
    assert (before["MacAddress"], before["NetworkID"], before["IPAMConfig"]) == ("02:42:ac:11:00:09", "", None)
    during = networks(RUNNING)["bridge"]
    assert (during["IPAddress"], during["IPPrefixLen"], during["Gateway"]) == ("172.17.0.2", 16, "172.17.0.1")
    assert (during["EndpointID"], during["MacAddress"]) == ("e" * 64, "02:42:ac:11:00:02")
    after = networks(STOPPED)["bridge"]
    assert (after["NetworkID"], after["EndpointID"], after["IPAddress"], after["MacAddress"]) == ("n" * 64, "", "", "")


def test_the_requested_mac_shows_in_config_and_a_generated_one_does_not() -> None:
    wish = {"bridge": EndpointSettings(mac_address="02:42:ac:11:00:09", ipam_config=EndpointIPAMConfig())}
    asked = describe(msgspec.structs.replace(RUNNING, endpoints_wished=wish), [], LAYOUT, None)
    assert asked["Config"]["MacAddress"] == "02:42:ac:11:00:09"
    assert asked["NetworkSettings"]["Networks"]["bridge"]["IPAMConfig"] == {}
    assert "MacAddress" not in describe(RUNNING, [], LAYOUT, None)["Config"]


def test_exposed_ports_show_while_running_in_a_bridge() -> None:
    assert ports(RUNNING) == {"53/udp": None, "80/tcp": None}
    assert ports(STOPPED) == {}
    host = msgspec.structs.replace(RUNNING, endpoints=(msgspec.structs.replace(BRIDGE, driver="host", gateway=""),))
    assert ports(host) == {}


def test_published_ports_show_their_bindings() -> None:
    mapped = tuple(
        PortMapping(host_ip=address, host_port=port, container_port=inside, protocol="tcp")
        for address, port, inside in (("127.0.0.1", 8080, 80), ("127.0.0.2", 8080, 80), ("0.0.0.0", 8081, 81))  # noqa: S104
    )
    rec = msgspec.structs.replace(RUNNING, endpoints=(msgspec.structs.replace(BRIDGE, ports=mapped),))
    assert ports(rec) == {
        "53/udp": None,
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "127.0.0.2", "HostPort": "8080"}],
        "81/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8081"}],  # noqa: S104
    }


def test_mounts_are_sorted() -> None:
    rec = record(
        mounts=(
            MountPoint(type="volume", name="v", source="/s", destination="/v", driver="local"),
            MountPoint(type="bind", source="/a", destination="/b", mode="ro", rw=False, propagation="rprivate"),
            MountPoint(type="tmpfs", destination="/tmp"),
        ),
    )
    shown = mounts(rec)
    assert [mount["Destination"] for mount in shown] == ["/b", "/tmp", "/v"]
    bind = {"Type": "bind", "Source": "/a", "Destination": "/b", "Mode": "ro", "RW": False, "Propagation": "rprivate"}
    assert shown[0] == bind
    assert (shown[2]["Name"], shown[2]["Driver"]) == ("v", "local")


def test_a_created_container_has_no_files_yet() -> None:
    shown = describe(record(), [], LAYOUT, None)
    assert [shown[key] for key in ("HostsPath", "LogPath", "ExecIDs", "Args", "Mounts")] == ["", "", None, [], []]
    assert shown["NetworkSettings"]["Ports"] == {}
    assert "SizeRw" not in shown


def test_a_started_container_shows_files_sandbox_and_the_legacy_endpoint() -> None:
    shown = describe(RUNNING, ["x"], LAYOUT, (0, 5))
    assert shown["LogPath"] == f"/data/containers/{RUNNING.id}/{RUNNING.id}-json.log"
    assert shown["HostsPath"] == f"/data/containers/{RUNNING.id}/hosts"
    assert (shown["SizeRw"], shown["SizeRootFs"], shown["ExecIDs"]) == (0, 5, ["x"])
    network = shown["NetworkSettings"]
    assert (network["IPAddress"], network["MacAddress"]) == ("172.17.0.2", "02:42:ac:11:00:02")
    assert (network["SandboxID"], network["SandboxKey"]) == ("s" * 64, "/exec/netns/ssssssssssss")
    stopped = describe(STOPPED, [], LAYOUT, None)["NetworkSettings"]
    assert (stopped["SandboxID"], stopped["SandboxKey"], stopped["IPAddress"]) == ("", "", "")


def test_empty_keys_are_left_out_and_values_kept() -> None:
    bare = describe(record(), [], LAYOUT, None)
    for key in ("Annotations", "Init", "Mounts", "StorageOpt", "Sysctls", "Tmpfs"):
        assert key not in bare["HostConfig"]
    for key in ("ExposedPorts", "Healthcheck", "MacAddress", "Shell", "StopSignal", "StopTimeout"):
        assert key not in bare["Config"]
    full = describe(
        record(
            config=ContainerConfig(stop_timeout=0, healthcheck=HealthConfig(test=["NONE"])),
            host_config=HostConfig(init=False),
        ),
        [],
        LAYOUT,
        None,
    )
    assert (full["HostConfig"]["Init"], full["Config"]["StopTimeout"]) == (False, 0)
    assert full["Config"]["Healthcheck"] == {"Test": ["NONE"]}
