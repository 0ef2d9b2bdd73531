"""Containers that share namespaces of others: who joins whom, and whether that may be (start.md 2.2, 2.3). Pure."""

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType

import msgspec

from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound, System
from wherry.model.container import HostConfig
from wherry.spec.namespaces import HOST, JOIN
from wherry.state.record import Phase, Record

SHAREABLE = "shareable"
SHM = "/dev/shm"  # noqa: S108 - the path in the container
MODES = MappingProxyType({"network": "network_mode", "ipc": "ipc_mode", "pid": "pid_mode"})
"""Each namespace that can be joined, as the runtime names it, and its field of HostConfig; in the order of a start."""

Way = tuple[str, ...]

_NETWORK = "joining network namespace of container: "
_PREFIX = MappingProxyType({"ipc": "failed to join IPC namespace: ", "pid": "failed to join PID namespace: "})


def joins(mode: str) -> bool:
    """Tell whether a mode of HostConfig is `container:<id>`."""
    return mode.startswith(JOIN)


def donors(host: HostConfig) -> dict[str, str]:
    """Return the id of the donor of each namespace that is joined."""
    modes = {kind: getattr(host, field) for kind, field in MODES.items()}
    return {kind: mode.removeprefix(JOIN) for kind, mode in modes.items() if joins(mode)}


def needs(rec: Record) -> set[str]:
    """Return the ids of the containers that must run before this one can be started."""
    return {*donors(rec.host_config).values(), *(link.target for link in rec.links)}


def sharers(kind: str, rec: Record, records: Iterable[Record]) -> Iterator[Record]:
    """Yield the containers that run, or start, in a namespace of this one."""
    for other in records:
        if (other.alive or other.phase is Phase.STARTING) and donors(other.host_config).get(kind) == rec.id:
            yield other


def settle_donors(host: HostConfig, name: str, find: Callable[[str], Record]) -> HostConfig:
    """Return the HostConfig with the full id of each donor, as it is stored at create.

    A missing one is InvalidParameter in Docker's words: a 404 of create means a missing image. For the network, and
    for the container itself by its new `name`, Docker says them at start only.
    """
    changes = {}
    for kind, ref in donors(host).items():
        try:
            changes[MODES[kind]] = JOIN + find(ref).id
        except NotFound as error:
            own = kind == "network" and name and ref.removeprefix("/") == name
            said = f"{_NETWORK}{error}" if kind == "network" else str(error)
            raise InvalidParameter("cannot join own network namespace" if own else said) from error
    return msgspec.structs.replace(host, **changes)


def find_donor(kind: str, ident: str, joiner: str, find: Callable[[str], Record | None]) -> Record:
    """Return a donor that can be joined now; the refusals are Docker's, text and kind."""
    donor = find(ident)
    if kind == "network":
        _check_network(donor, ident, joiner)
    else:
        _check(kind, donor, ident)
    if donor is None:
        raise AssertionError(ident)  # the checks have refused it
    return donor


def check_cycle(rec: Record, find: Callable[[str], Record | None]) -> None:
    """Raise Conflict for a container that waits, through its donors, for itself: none of them could ever start."""
    way = _way_back(rec, rec.id, find, (rec.name,))
    if len(way) > 1:
        raise Conflict(
            f"container {rec.name} joins namespaces in a circle: {' -> '.join((*way, rec.name))}; remove one of them "
            "and create it without container:"
        )


def _way_back(rec: Record, ident: str, find: Callable[[str], Record | None], seen: Way) -> Way:
    """Return the names from a record to a joiner of `ident`, empty when there is none; a name is passed once."""
    for donor in map(find, donors(rec.host_config).values()):
        if donor is None:
            continue
        if donor.id == ident:
            return seen
        if donor.name not in seen and (way := _way_back(donor, ident, find, (*seen, donor.name))):
            return way
    return ()


def _check_network(donor: Record | None, ident: str, joiner: str) -> None:
    if donor is None:
        raise System(f"{_NETWORK}No such container: {ident}")
    if donor.id == joiner:
        raise System("cannot join own network namespace")
    if donor.phase is Phase.RESTARTING:
        raise Conflict(
            f"cannot join network namespace of container: Container {ident} is restarting, "
            "wait until the container is running"
        )
    if not donor.alive:
        raise Conflict(
            f"cannot join network namespace of a non running container: container {donor.name} is {_state(donor)}"
        )


def _check(kind: str, donor: Record | None, ident: str) -> None:
    def refusal(error: type[EngineError], text: str) -> EngineError:
        # of a pid donor Docker speaks while it builds the spec, where every error becomes a 500
        return (System if kind == "pid" else error)(_PREFIX[kind] + text)

    if donor is None:
        raise refusal(InvalidParameter, f"No such container: {ident}")
    if donor.phase is Phase.RESTARTING:
        raise refusal(Conflict, f"container {ident} is restarting")
    if not donor.alive:
        raise refusal(Conflict, f"container {ident} is not running")
    if kind == "ipc" and not shares_memory(donor) and donor.host_config.ipc_mode != HOST:
        raise not_shareable(ident)


def not_shareable(ident: str) -> InvalidParameter:
    """Return Docker's refusal of a donor whose shared memory is its own."""
    hint = "hint: use IpcMode:shareable for the donor container"
    return InvalidParameter(f"{_PREFIX['ipc']}container {ident}: non-shareable IPC ({hint})")


def _state(rec: Record) -> str:
    phase = rec.rest if rec.phase is Phase.STARTING else rec.phase
    return phase.value


def shares_memory(rec: Record) -> bool:
    """Tell whether the engine mounts the shared memory of a container, so that others can join it.

    Not where a mount of the user's takes its place.
    """
    mode = rec.host_config.ipc_mode
    taken = SHM in {point.destination for point in rec.mounts} or SHM in (rec.host_config.tmpfs or ())
    return (mode == SHAREABLE or joins(mode)) and not taken
