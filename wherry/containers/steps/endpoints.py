"""Steps endpoints and interfaces: the container has its addresses and ports, then its interfaces and rules."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator

from wherry.base.errors import EngineError
from wherry.base.metrics import Metrics
from wherry.base.offload import offload
from wherry.containers.donors import sharers
from wherry.containers.layout import Layout
from wherry.containers.links import aliases, bridge_address, links_to, relink
from wherry.containers.news import News
from wherry.host.errors import translate
from wherry.host.files import write_in_place
from wherry.host.netlink import Netlink
from wherry.network import netfiles
from wherry.network.endpoints import facts, resolve
from wherry.network.service import Networking
from wherry.network.unlink import Unlinker
from wherry.state.record import Endpoint, Record
from wherry.state.store import Slot

FAILED = "failed to set up container networking: "


class Endpoints:
    """After acquire: the record has each endpoint with the addresses and the host ports that it got.

    The endpoints are stored before anything is taken, and once more with their ports before a rule names one; release
    disconnects what the record names, whether `interfaces` came to it or not.
    """

    name = "endpoints"

    def __init__(
        self,
        networking: Networking,
        unlinker: Unlinker,
        layout: Layout,
        news: News,
        metrics: Metrics,
        records: Callable[[], Iterable[Record]],
    ) -> None:
        """Take the networks, who deletes links, the paths, who is told, what times it, who knows the containers."""
        self._times = metrics.network_actions
        self._records = records
        self._networking = networking
        self._unlinker = unlinker
        self._layout = layout
        self._news = news

    async def acquire(self, slot: Slot) -> None:
        """Reserve, store, publish."""
        with _told(), Metrics.timed(self._times, "allocate"):
            await self._reserve(slot)
            await self.publish(slot)

    async def make_interfaces(self, rec: Record, ns: Netlink | None) -> None:
        """Connect all endpoints of a container that starts; tell those that are linked to it."""
        with _told():
            for endpoint in rec.endpoints:
                await self.connect(rec, endpoint, ns)
            linked = [other for other in self._records() if other.alive and _is_linked(other, rec)]
            if linked and bridge_address(rec):
                await offload(self._relink, rec, linked)

    async def _reserve(self, slot: Slot) -> None:
        joins = resolve(slot.rec, self._networking.catalog)
        for join in joins:
            aliases(join.wish)
        with self._networking.reserved(slot.rec, joins) as endpoints:
            await slot.save(endpoints=endpoints, **facts(slot.rec, joins))

    async def publish(self, slot: Slot) -> Record:
        """Take the host ports that the container wishes for, where its endpoints lead out."""
        if slot.rec.host_config.port_bindings or slot.rec.host_config.publish_all_ports:
            return await slot.save(endpoints=await offload(self._networking.publish, slot.rec))
        return slot.rec

    async def connect(self, rec: Record, endpoint: Endpoint, ns: Netlink | None) -> None:
        """Bring about one endpoint of the record; `ns` is None in the host's network."""
        with Metrics.timed(self._times, "connect"):
            await offload(self._connect, rec, endpoint, ns)
        self._news.network(rec, "connect", endpoint)

    async def release(self, rec: Record) -> None:
        """Disconnect every endpoint of the record; not connected is fine.

        Nobody waits until the links are deleted, unless others live on in the namespace.
        """
        for endpoint in rec.endpoints:
            await self._cut(rec, endpoint)
        if rec.endpoints:
            deletion = self._unlinker.soon()
            if any(sharers("network", rec, self._records())):
                await asyncio.shield(deletion)

    async def disconnect(self, rec: Record, endpoint: Endpoint) -> None:
        """Take away one endpoint of a container that goes on; not connected is fine."""
        await self._cut(rec, endpoint)
        await asyncio.shield(self._unlinker.soon())

    async def _cut(self, rec: Record, endpoint: Endpoint) -> None:
        with Metrics.timed(self._times, "release"):
            await offload(self._networking.disconnect, endpoint)
        self._news.network(rec, "disconnect", endpoint)

    def _relink(self, rec: Record, others: Iterable[Record]) -> None:
        """Give those that are linked to this container its new address. Blocks."""
        for other in others:
            lines = [linked.hosts_line() for linked in links_to(other, rec)]
            with translate("write the hosts file of a linked container"):
                path = self._layout.hosts(other.id)
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    text = relink(file.read(), lines)
                write_in_place(path, text.encode(errors="surrogateescape"))

    def _connect(self, rec: Record, endpoint: Endpoint, ns: Netlink | None) -> None:
        if ns is not None:
            self._networking.connect(rec, endpoint, ns)
        if endpoint.address:
            with translate("write the hosts file"), open(self._layout.hosts(rec.id), "a", encoding="utf-8") as file:
                file.write(_own_line(rec, endpoint))

    def forget_name(self, rec: Record, endpoint: Endpoint) -> None:
        """Take the line of an endpoint out of the hosts file of a container that goes on. Blocks."""
        if not endpoint.address:
            return
        with translate("write the hosts file"):
            with open(self._layout.hosts(rec.id), encoding="utf-8", errors="surrogateescape") as file:
                lines = file.readlines()
            kept = "".join(line for line in lines if line != _own_line(rec, endpoint))
            write_in_place(self._layout.hosts(rec.id), kept.encode("utf-8", "surrogateescape"))


class Interfaces:
    """After acquire: each endpoint has its link, addresses, routes and rules, and its line in the hosts file.

    Its undo is the release of `endpoints`. It saves nothing, so it runs beside the runtime, which needs none of it.
    """

    name = "interfaces"

    def __init__(self, endpoints: Endpoints) -> None:
        """Take the step before, which knows how."""
        self._endpoints = endpoints

    async def acquire(self, slot: Slot, ns: Netlink | None) -> None:
        """Connect; closes `ns`, the netlink socket in the container's namespace."""
        try:
            await self._endpoints.make_interfaces(slot.rec, ns)
        finally:
            if ns is not None:
                ns.close()

    async def release(self, rec: Record) -> None:
        """Nothing: `endpoints` takes away what is there."""


def _is_linked(other: Record, rec: Record) -> bool:
    return any(link.target == rec.id for link in other.links)


def _own_line(rec: Record, endpoint: Endpoint) -> str:
    return netfiles.own_line(endpoint.address, rec.config.hostname, rec.config.domainname)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say in Docker's words at which stage of a start it failed."""
    try:
        yield
    except EngineError as error:
        raise type(error)(f"{FAILED}{error}") from error
