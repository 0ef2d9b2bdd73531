"""Step endpoints: the container joins its networks, its ports are published, its name is in its own hosts file."""

from wherry.base.offload import offload
from wherry.containers.layout import Layout
from wherry.containers.news import News
from wherry.host.errors import translate
from wherry.host.netlink import Netlink
from wherry.network import netfiles
from wherry.network.service import Networking
from wherry.state.record import Endpoint, Record
from wherry.state.store import Slot


class Endpoints:
    """After acquire: each endpoint in the record has its link, addresses, routes, host ports and rules.

    The endpoints are stored before anything is taken, and once more with the ports that they got before a rule names
    one; release disconnects what the record names.
    """

    name = "endpoints"

    def __init__(self, networking: Networking, layout: Layout, news: News) -> None:
        """Take the networks, the paths, and who is told."""
        self._networking = networking
        self._layout = layout
        self._news = news

    async def acquire(self, slot: Slot, ns: Netlink | None) -> tuple[Endpoint, ...]:
        """Reserve, store, publish, connect; closes `ns`, the netlink socket in the container's namespace."""
        endpoints = self._networking.reserve(slot.rec)
        ids = {endpoint.network: endpoint.network_id for endpoint in endpoints}
        rec = await slot.save(endpoints=endpoints, network_ids=ids)
        try:
            if rec.host_config.port_bindings or rec.host_config.publish_all_ports:
                rec = await slot.save(endpoints=await offload(self._networking.publish, rec))
            for endpoint in rec.endpoints:
                await offload(self._connect, rec, endpoint, ns)
                self._news.network(rec, "connect", endpoint)
        finally:
            if ns is not None:
                ns.close()
        return rec.endpoints

    async def release(self, rec: Record) -> None:
        """Disconnect every endpoint of the record; not connected is fine."""
        for endpoint in rec.endpoints:
            await offload(self._networking.disconnect, endpoint)
            self._news.network(rec, "disconnect", endpoint)

    def _connect(self, rec: Record, endpoint: Endpoint, ns: Netlink | None) -> None:
        if ns is not None:
            self._networking.connect(rec, endpoint, ns)
        if endpoint.address:
            with translate("write the hosts file"), open(self._layout.hosts(rec.id), "a", encoding="utf-8") as file:
                file.write(netfiles.own_line(endpoint.address, rec.config.hostname, rec.config.domainname))
