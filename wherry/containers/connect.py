"""A container joins or leaves a network: a wish while it does not run, the whole of it while it does (network.md 11).

What fails midway is undone whole: the record and the kernel are as they were before.
"""

import contextlib
from collections.abc import AsyncIterator

import msgspec

from wherry.base.errors import EngineError, Forbidden, InvalidParameter, NotFound, System
from wherry.base.offload import offload
from wherry.base.tasks import finish
from wherry.containers.links import aliases
from wherry.containers.steps.endpoints import Endpoints
from wherry.containers.steps.names import NameService
from wherry.containers.steps.netns import Netns
from wherry.containers.unsupported import refuse_unsupported
from wherry.host.netlink import Netlink
from wherry.model.container import CreateRequest, EndpointSettings, NetworkingConfig
from wherry.network.catalog import HOST
from wherry.network.endpoints import Join, check_mode, check_wish, gateway_of, gather_ports, named
from wherry.network.plan import Network
from wherry.network.service import Networking
from wherry.state.record import Endpoint, Phase, Record
from wherry.state.store import Slot, Store

_STAYS = "cannot disconnect container from host network - container was created in host network mode"


class Connect:
    """The two verbs."""

    def __init__(
        self, store: Store, networking: Networking, endpoints: Endpoints, names: NameService, netns: Netns
    ) -> None:
        """Take the records, the networks, and the steps that make and find what a container has in them."""
        self._store = store
        self._networking = networking
        self._endpoints = endpoints
        self._names = names
        self._netns = netns

    async def connect(self, ref: str, container: str, wish: EndpointSettings) -> None:
        """Join a network; Forbidden, InvalidParameter, NotFound and System in Docker's words.

        Unimplemented for what no endpoint has yet.
        """
        refuse_unsupported(CreateRequest(networking_config=NetworkingConfig(endpoints_config={ref: wish})))
        async with self._store.exclusive(self._store.get(container).id) as slot:
            _check_going(slot.rec)
            network = self._networking.known(ref)
            if slot.rec.alive:
                await self._join(slot, self._networking.catalog.find(ref), wish)
            else:
                await self._wish(slot, ref, network, wish)

    async def disconnect(self, ref: str, container: str, force: bool) -> None:
        """Leave a network; the same errors. `force` looks for an endpoint of a container that is unknown."""
        try:
            ident = self._store.get(container).id
        except NotFound as error:
            if force:
                self._networking.catalog.find(ref)
                raise NotFound(f"endpoint {container} not found") from error
            raise
        async with self._store.exclusive(ident) as slot:
            _check_going(slot.rec)
            network = self._networking.known(ref)
            if slot.rec.alive:
                await self._leave(slot, self._networking.catalog.find(ref))
            else:
                await self._forget(slot, network.name if network is not None else ref)

    async def _wish(self, slot: Slot, ref: str, network: Network | None, wish: EndpointSettings) -> None:
        name = network.name if network is not None else ref
        check_mode(slot.rec, name)
        if name in slot.rec.endpoints_wished:
            return
        check_wish(name, network, wish)
        if network is not None:
            wish = named(slot.rec, network, wish)
        await slot.save(endpoints_wished={**slot.rec.endpoints_wished, name: wish})

    async def _forget(self, slot: Slot, name: str) -> None:
        if name not in slot.rec.endpoints_wished:
            raise System(f"container {slot.rec.id} is not connected to the network {name}")
        if name == HOST:
            raise InvalidParameter(_STAYS)
        await slot.save(**_without(slot.rec, name))

    async def _join(self, slot: Slot, network: Network, wish: EndpointSettings) -> None:
        before = slot.rec
        if any(endpoint.network_id == network.ident for endpoint in before.endpoints):
            raise Forbidden(f"endpoint with name {before.name} already exists in network {network.name}")
        check_mode(before, network.name)
        check_wish(network.name, network, wish)
        aliases(wish)
        with self._networking.reserved(before, [Join(network, wish)]) as (made,):
            await slot.save(
                endpoints=(*before.endpoints, msgspec.structs.replace(made, gateway="")),
                endpoints_wished={**before.endpoints_wished, network.name: named(before, network, wish)},
                network_ids={**before.network_ids, network.name: network.ident},
            )
        try:
            async with self._inside(before) as ns:
                await self._bring_about(slot, made, ns)
            await self._names.refresh(slot.rec)
        except BaseException as error:
            await finish(self._take_back(slot, before, made.endpoint_id, error))
            raise

    async def _bring_about(self, slot: Slot, made: Endpoint, ns: Netlink) -> None:
        """Link it, then let it lead out if it is its turn: the route and the ports move, or are had at last."""
        connected = slot.rec
        await self._endpoints.connect(connected, connected.endpoints[-1], ns)
        after = (*connected.endpoints[:-1], made)
        await slot.save(endpoints=gather_ports(after))
        if gateway_of(connected.endpoints) is None:
            await self._endpoints.publish(slot)
        await offload(self._networking.switch, connected.endpoints, slot.rec.endpoints, ns)

    async def _take_back(self, slot: Slot, before: Record, ident: str, error: BaseException) -> None:
        """Undo a join; what cannot be undone stays in the record, for its release."""
        await self._lead_back(slot, before.endpoints, error)
        made = next(endpoint for endpoint in slot.rec.endpoints if endpoint.endpoint_id == ident)
        try:
            await self._endpoints.disconnect(slot.rec, made)
            await offload(self._endpoints.forget_name, slot.rec, made)
            await slot.save(
                endpoints=before.endpoints, endpoints_wished=before.endpoints_wished, network_ids=before.network_ids
            )
            await self._names.refresh(slot.rec)
        except EngineError as failure:
            error.add_note(f"could not leave network {made.network} again: {failure}")

    async def _leave(self, slot: Slot, network: Network) -> None:
        before = slot.rec
        if network.name == HOST and network.name in before.endpoints_wished:
            raise InvalidParameter(_STAYS)
        gone = next((endpoint for endpoint in before.endpoints if endpoint.network_id == network.ident), None)
        if gone is None:
            raise System(f"container {before.id} is not connected to network {network.name}")
        stays = tuple(endpoint for endpoint in before.endpoints if endpoint is not gone)
        if gateway_of(before.endpoints) is gone and gateway_of(stays) is not None:
            await self._lead_elsewhere(slot, gone)
        gone = next(endpoint for endpoint in slot.rec.endpoints if endpoint.endpoint_id == gone.endpoint_id)
        try:
            await self._endpoints.disconnect(slot.rec, gone)
            await offload(self._endpoints.forget_name, slot.rec, gone)
        except BaseException as error:
            await finish(self._lead_back(slot, before.endpoints, error))
            await finish(slot.save(endpoints=before.endpoints))
            raise
        left = tuple(endpoint for endpoint in slot.rec.endpoints if endpoint is not gone)
        await slot.save(endpoints=left, **_without(slot.rec, network.name))
        await self._names.refresh(slot.rec)

    async def _lead_elsewhere(self, slot: Slot, gone: Endpoint) -> None:
        """Move route and ports away from an endpoint that is about to go; a failure leaves all as it was."""
        before = slot.rec.endpoints
        blind = tuple(msgspec.structs.replace(each, gateway="") if each is gone else each for each in before)
        await slot.save(endpoints=gather_ports(blind))
        try:
            async with self._inside(slot.rec) as ns:
                await offload(self._networking.switch, before, slot.rec.endpoints, ns)
        except BaseException as error:
            await finish(self._lead_back(slot, before, error))
            await finish(slot.save(endpoints=before))
            raise

    async def _lead_back(self, slot: Slot, before: tuple[Endpoint, ...], error: BaseException) -> None:
        """Let the endpoints of before lead out again; what fails is noted on the error that the client gets."""
        try:
            async with self._inside(slot.rec) as ns:
                await offload(self._networking.switch, slot.rec.endpoints, before, ns)
        except EngineError as failure:
            error.add_note(f"could not lead container {slot.rec.id} out as before: {failure}")

    @contextlib.asynccontextmanager
    async def _inside(self, rec: Record) -> AsyncIterator[Netlink]:
        ns = await self._netns.enter(rec)
        try:
            yield ns
        finally:
            ns.close()


def _check_going(rec: Record) -> None:
    if rec.phase in (Phase.REMOVING, Phase.DEAD):
        raise System(f"Container {rec.id} is marked for removal and cannot be connected or disconnected to the network")


def _without(rec: Record, name: str) -> dict[str, object]:
    wishes = {key: wish for key, wish in rec.endpoints_wished.items() if key != name}
    ids = {key: ident for key, ident in rec.network_ids.items() if key != name}
    return {"endpoints_wished": wishes, "network_ids": ids}
