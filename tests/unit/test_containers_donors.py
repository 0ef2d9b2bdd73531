"""Who joins whom, and the refusals in Docker's words."""

import pytest

from tests.unit.records import record
from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound, System
from wherry.containers.donors import check_cycle, donors, find_donor, settle_donors, shares_memory
from wherry.model.container import HostConfig, MountPoint
from wherry.state.record import Phase, Record

KINDS = ("network", "ipc", "pid")


def host(kind: str, ref: str) -> HostConfig:
    return HostConfig(**{f"{kind}_mode": f"container:{ref}"})


def find(ref: str) -> Record:
    if ref != "db":
        raise NotFound(f"No such container: {ref}")
    return record(id="d" * 64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_donor_is_stored_by_its_full_id(kind: str) -> None:
    assert donors(settle_donors(host(kind, "db"), "", find)) == {kind: "d" * 64}
    assert donors(HostConfig(network_mode="host", ipc_mode="host", pid_mode="host")) == {}


@pytest.mark.parametrize(
    ("kind", "ref", "text"),
    [
        ("ipc", "x", "No such container: x"),
        ("pid", "x", "No such container: x"),
        ("network", "x", "joining network namespace of container: No such container: x"),
        ("network", "own", "cannot join own network namespace"),
        ("network", "/own", "cannot join own network namespace"),
    ],
)
def test_weak_46_a_missing_donor_is_refused_at_create(kind: str, ref: str, text: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{text}$"):
        settle_donors(host(kind, ref), "own", find)


@pytest.mark.parametrize(
    ("kind", "donor", "error", "text"),
    [
        ("network", None, System, "joining network namespace of container: No such container: d"),
        ("network", record(id="me", phase=Phase.RUNNING), System, "cannot join own network namespace"),
        (
            "network",
            record(id="d", phase=Phase.STARTING, rest=Phase.EXITED),
            Conflict,
            "cannot join network namespace of a non running container: container boat is exited",
        ),
        (
            "network",
            record(id="d", phase=Phase.RESTARTING),
            Conflict,
            "cannot join network namespace of container: Container d is restarting, "
            "wait until the container is running",
        ),
        ("ipc", None, InvalidParameter, "failed to join IPC namespace: No such container: d"),
        ("ipc", record(id="d"), Conflict, "failed to join IPC namespace: container d is not running"),
        (
            "ipc",
            record(id="d", phase=Phase.RUNNING),
            InvalidParameter,
            r"failed to join IPC namespace: container d: non-shareable IPC \(hint: use IpcMode:shareable for the donor "
            r"container\)",
        ),
        ("pid", None, System, "failed to join PID namespace: No such container: d"),
        ("pid", record(id="d", phase=Phase.RESTARTING), System, "failed to join PID namespace: container d is restart"),
        ("pid", record(id="d"), System, "failed to join PID namespace: container d is not running"),
    ],
)
def test_refusals_of_a_start(kind: str, donor: Record | None, error: type[EngineError], text: str) -> None:
    with pytest.raises(error, match=f"^{text}"):
        find_donor(kind, "d", "me", lambda _: donor)


def test_a_paused_donor_can_be_joined() -> None:
    donor = record(phase=Phase.PAUSED, host_config=HostConfig(ipc_mode="shareable"))
    assert [find_donor(kind, donor.id, "me", lambda _: donor) for kind in KINDS] == [donor] * 3


def test_weak_10_a_circle_is_named() -> None:
    known = {
        ident: record(id=ident, name=f"n{ident}", host_config=host(kind, donor))
        for ident, kind, donor in (("a", "network", "b"), ("b", "pid", "c"), ("c", "ipc", "b"), ("d", "ipc", "gone"))
    }
    with pytest.raises(Conflict, match="container nb joins namespaces in a circle: nb -> nc -> nb;"):
        check_cycle(known["b"], known.get)
    check_cycle(known["a"], known.get)  # it joins a circle and is in none
    check_cycle(known["d"], known.get)


def test_who_shares_memory() -> None:
    mine = MountPoint(type="bind", source="/s", destination="/dev/shm")
    shared = HostConfig(ipc_mode="shareable")
    assert shares_memory(record(host_config=shared))
    assert shares_memory(record(host_config=host("ipc", "d")))
    assert not shares_memory(record(host_config=shared, mounts=(mine,)))
    assert not shares_memory(record(host_config=HostConfig(ipc_mode="shareable", tmpfs={"/dev/shm": ""})))
    assert not shares_memory(record(host_config=HostConfig(ipc_mode="private")))
