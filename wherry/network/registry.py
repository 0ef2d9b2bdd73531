"""The verbs on networks: made, found, listed, removed, pruned (network.md 6 to 8).

A network is stored before the kernel has anything of it, and forgotten after it has nothing any more; one that an
engine that died had begun to make or to remove is taken away at boot.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Interface
from typing import Any

import msgspec

from wherry.base.errors import Conflict, EngineError, Forbidden
from wherry.base.events import EventBus
from wherry.base.faults import Faults
from wherry.base.ids import new_id, short
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor, finish
from wherry.host.errors import translate
from wherry.host.netlink import Netlink
from wherry.model.network import IPAM, CreateRequest, IPAMConfig
from wherry.network import create, describe, options
from wherry.network.default_bridge import reserved
from wherry.network.ipam import first_address, free_subnet
from wherry.network.plan import Network
from wherry.network.service import Networking
from wherry.state.networks import NetworkRecord, NetworkTable
from wherry.state.record import Record

Json = dict[str, Any]
Items = list[Json]
Filters = dict[str, list[str]]

log = logging.getLogger("wherry.network")


class NetworkRegistry:
    """The networks API, and its side of boot."""

    def __init__(
        self,
        networking: Networking,
        table: NetworkTable,
        records: Callable[[], Iterable[Record]],
        bus: EventBus,
        supervisor: Supervisor,
        faults: Faults,
    ) -> None:
        """Take the networks as containers use them, where they are stored, who uses them, and who is told."""
        self._networking = networking
        self._catalog = networking.catalog
        self._table = table
        self._records = records
        self._bus = bus
        self._supervisor = supervisor
        self._faults = faults
        self._lock = asyncio.Lock()  # one is made or removed at a time: names, subnets and bridges are each one's own
        self._pruning = False

    async def boot(self) -> None:
        """Bring the kernel to what the records say; what was cut is taken away. Kinds as `Networking.boot`."""
        await offload(self._networking.boot, self._table.all())
        for rec in self._table.all():
            if not rec.settled:
                log.warning("network %s was cut while it was made or removed: it is taken away", rec.name)
                await self._finish(rec)

    def list(self, filters: Filters) -> Items:
        """Describe the networks that the filters accept, without their containers."""
        found = describe.select(self._catalog.all(), filters, self._used())
        return [describe.describe(network, self._networking.options(network), ()) for network in found]

    def inspect(self, ref: str, scope: str = "") -> Json:
        """Describe one network with the containers that run in it; NotFound `network <ref> not found`.

        `scope` is the one that it must have, empty for any.
        """
        network = self._catalog.find(ref, scope)
        return describe.describe(network, self._networking.options(network), self._records())

    async def create(self, asked: CreateRequest) -> Json:
        """Make a network; the first failure of Docker's order is raised, and nothing is left behind then."""
        return await self._supervisor.run(self._create(asked), f"create network {asked.name}")

    async def _create(self, asked: CreateRequest) -> Json:
        async with self._lock:
            rec = await self._draft(create.check_request(asked, self._catalog))
            try:
                await self._table.put(rec)
                self._faults.at("network.stored")
                await offload(self._networking.set_up, rec)
                self._faults.at("network.made")
                rec = msgspec.structs.replace(rec, settled=True)
                await self._table.put(rec)
            except BaseException as error:
                await finish(self._undo(rec, error))
                raise
            self._networking.admit(rec)
        self._publish("create", rec)
        return {"Id": rec.id, "Warning": ""}

    async def _draft(self, asked: CreateRequest) -> NetworkRecord:
        """Return the record of a network to be made: its subnet, its gateway, its bridge."""
        ident, ipam = new_id(), asked.ipam or IPAM()
        config = [pool for pool in ipam.config or () if not create.is_ipv6(pool)]
        create.check_pools(config, self._catalog)
        gateways = [create.choose_gateway(pool) for pool in config]
        chosen = []
        if not config:
            gateways = [await offload(self._free_gateway)]
            chosen = [IPAMConfig(subnet=str(gateways[0].network), gateway=str(gateways[0].ip))]
        wanted = options.read(asked.options or {})
        name = wanted.name or f"br-{short(ident)}"
        if len(gateways) > 1:
            raise Forbidden("bridge driver doesn't support multiple subnets")
        create.check_conflicts(ident, name, gateways[0], self._catalog)
        adopted = bool(wanted.name) and await offload(self._networking.adopts, name)
        return NetworkRecord(
            id=ident,
            name=asked.name,
            created=time.time_ns(),
            driver=asked.driver,
            ipam=msgspec.structs.replace(ipam, config=[*(ipam.config or ()), *chosen]),
            configured=bool(config),
            options=asked.options or {},
            labels=asked.labels or {},
            internal=asked.internal,
            attachable=asked.attachable,
            gateway=str(gateways[0]),
            bridge=name,
            owned=not adopted,
        )

    def _free_gateway(self) -> IPv4Interface:
        known = [network.bridge.gateway.network for network in self._catalog.all() if network.bridge is not None]
        with translate("choose a subnet"), Netlink.open() as kernel:
            return first_address(free_subnet([*known, *reserved(kernel)]))

    async def _finish(self, rec: NetworkRecord) -> None:
        try:
            await self._give_back(rec)
        except EngineError as error:
            log.error("network %s cannot be taken away, it is tried at the next boot: %s", rec.name, error)

    async def _undo(self, rec: NetworkRecord, error: BaseException) -> None:
        try:
            await self._give_back(rec)
        except EngineError as failure:
            error.add_note(f"could not take away network {rec.name}, it is done at the next boot: {failure}")

    async def _give_back(self, rec: NetworkRecord) -> None:
        await offload(self._networking.tear_down, rec)
        await self._table.delete(rec)

    async def remove(self, ref: str) -> None:
        """Remove a network; Forbidden in Docker's words while containers run in it."""
        await self._supervisor.run(self._remove(ref), f"remove network {ref}")

    async def _remove(self, ref: str) -> None:
        async with self._lock:
            network = self._catalog.find(ref)
            if network.record is None:
                raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
            users = self._networking.users(network)
            if users:
                active = f"network {network.name} has active endpoints ({', '.join(users)})"
                raise Forbidden(f"error while removing network: {active}")
            self._catalog.drop(network.ident)  # before the first await: nobody joins it any more
            await self._take_away(network, network.record)
        self._publish("destroy", network.record)

    async def _take_away(self, network: Network, rec: NetworkRecord) -> None:
        try:
            await self._table.put(msgspec.structs.replace(rec, settled=False))
            self._faults.at("network.unsettled")
            await self._give_back(rec)
        except BaseException:
            self._catalog.add(network)  # to be removed again, or at the next boot
            raise

    async def prune(self, filters: Filters) -> Json:
        """Remove the networks that no container runs in; Conflict while another prune goes on."""
        accepts = describe.prunable(filters, time.time_ns())
        if self._pruning:
            raise Conflict("a prune operation is already running")
        self._pruning = True
        try:
            return await self._supervisor.run(self._prune(accepts), "prune networks")
        finally:
            self._pruning = False

    async def _prune(self, accepts: Callable[[Network], bool]) -> Json:
        deleted = []
        for network in self._catalog.all():
            if network.record is None or not accepts(network) or self._networking.users(network):
                continue
            try:
                await self._remove(network.ident)
            except EngineError as error:
                log.warning("network %s: not pruned: %s", network.name, error)
                continue
            deleted.append(network.name)
        self._bus.publish("network", "prune", "", {"reclaimed": "0"})
        return {"NetworksDeleted": deleted or None}

    def _used(self) -> set[str]:
        return {endpoint.network_id for rec in self._records() for endpoint in rec.endpoints}

    def _publish(self, action: str, rec: NetworkRecord) -> None:
        self._bus.publish("network", action, rec.id, {"name": rec.name, "type": rec.driver})
