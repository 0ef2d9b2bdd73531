"""Step names: a container finds the others of its users' networks by name, and they find it (network.md 15)."""

import logging
from collections.abc import Callable, Iterable, Iterator

from wherry.base.errors import EngineError
from wherry.base.offload import offload
from wherry.containers.links import aliases
from wherry.containers.steps.netfiles import NetworkFiles
from wherry.names.service import Names
from wherry.names.zones import Joined, Member, Sandbox, Server, Zone, zones
from wherry.network.netfiles import Upstreams
from wherry.state.record import Endpoint, Record
from wherry.state.store import Slot

log = logging.getLogger("wherry.names")


class NameService:
    """After acquire: resolv.conf names the resolver, which serves the namespace, and the others know the names.

    All that is before the container's process runs. Release finds the sandbox by its key; the containers that others
    know are those between the two, whatever their records say at that moment.
    """

    name = "names"

    def __init__(self, names: Names, files: NetworkFiles, records: Callable[[], Iterable[Record]]) -> None:
        """Take the resolver, who writes resolv.conf, and who knows the containers."""
        self._names = names
        self._files = files
        self._records = records
        self._known: set[str] = set()
        """Ids of the sandboxes."""

    async def boot(self) -> None:
        """Take up what an earlier daemon left; a container without its names is logged and goes on."""
        live = [rec for rec in self._records() if rec.alive and _has_names(rec)]
        self._known = {rec.sandbox_id for rec in live}
        sandboxes = []
        for rec in live:
            try:
                sandboxes.append(_sandbox(rec, await offload(self._files.name_resolver, rec)))
            except EngineError as error:
                log.error("container %s goes on without names: %s", rec.id, error)
        await self._names.boot(sandboxes, self._zones())

    async def acquire(self, slot: Slot) -> None:
        """Serve a container that has an endpoint with names; nothing for others."""
        await self.refresh(slot.rec)

    async def refresh(self, rec: Record) -> None:
        """Follow what a live container's endpoints and names have become.

        Once it is served it stays so: its resolv.conf keeps naming the resolver.
        """
        if not _has_names(rec) and rec.sandbox_id not in self._known:
            return
        self._known.add(rec.sandbox_id)
        upstreams = await offload(self._files.name_resolver, rec)
        await self._names.publish(self._zones())
        await self._names.open(_sandbox(rec, upstreams))

    async def release(self, rec: Record) -> None:
        """Serve it no longer, and let the others forget it; neither is fine."""
        if rec.sandbox_id in self._known:
            self._known.discard(rec.sandbox_id)
            await self._names.publish(self._zones())
        if rec.sandbox_key:
            await self._names.close(rec.sandbox_key)

    def _zones(self) -> dict[str, Zone]:
        return zones(_members(rec for rec in self._records() if rec.sandbox_id in self._known))


def _has_names(rec: Record) -> bool:
    return any(endpoint.dns_names for endpoint in rec.endpoints)


def _members(records: Iterable[Record]) -> Iterator[Member]:
    for rec in records:
        for endpoint in rec.endpoints:
            if endpoint.dns_names and endpoint.address:
                yield Member(endpoint.network_id, endpoint.network, endpoint.dns_names, (endpoint.address,))


def _sandbox(rec: Record, upstreams: Upstreams) -> Sandbox:
    """Return what the resolver is told of a container; its networks by gateway (network.md 13)."""
    ordered = sorted(rec.endpoints, key=lambda each: (-each.gw_priority, not each.gateway, each.network))
    return Sandbox(
        rec.sandbox_key,
        tuple(Joined(each.network_id, _links(rec, each)) for each in ordered if each.dns_names),
        tuple(Server(address, upstreams.from_host) for address in upstreams.servers),
        external=any(each.gateway for each in rec.endpoints),
        dotless_stays=upstreams.ndots,
    )


def _links(rec: Record, endpoint: Endpoint) -> dict[str, str]:
    wish = rec.endpoints_wished.get(endpoint.network)
    return aliases(wish) if wish is not None else {}
