"""Step netns: a network namespace of its own, pinned under the exec root before any process exists."""

import os
from collections.abc import Callable, Iterable

from wherry.base.offload import offload
from wherry.containers.donors import joins, sharers
from wherry.containers.layout import Layout
from wherry.host import netns
from wherry.host.errors import translate
from wherry.host.netlink import Netlink
from wherry.host.zygote import Zygote
from wherry.state.record import Record
from wherry.state.store import Slot

SECONDS = 10.0


class Netns:
    """After acquire: the namespace is bind-mounted at the sandbox key, loopback is up.

    It is a new one, unless containers that joined the last one still live in it: then this run goes back to them.

    A helper child makes it, since the daemon never enters a namespace; it hands back a netlink socket that lives in
    there, which alone keeps one that is made ahead. Release finds pin and socket by the sandbox id: a start that fails
    before the socket is used would keep the namespace.
    """

    name = "netns"

    def __init__(self, zygote: Zygote, layout: Layout, records: Callable[[], Iterable[Record]]) -> None:
        """Take the forker of helper children, the paths, and who knows the containers."""
        self._records = records
        self._zygote = zygote
        self._layout = layout
        self._inside: dict[str, Netlink] = {}
        self._spare: Netlink | None = None

    async def prepare(self) -> None:
        """Make a namespace ahead for the next start, unless one waits; one call at a time."""
        if self._spare is None:
            self._spare = await self._make()

    async def acquire(self, slot: Slot) -> Netlink | None:
        """Return a netlink socket inside the namespace; None where the container has none of its own."""
        if not _own(slot.rec):
            return None
        kept, spare = self._kept(slot.rec), None
        if not kept:
            spare, self._spare = self._spare, None
        inside = self._inside[slot.rec.sandbox_id] = spare or await self._make(kept)
        await offload(self._pin, inside, self._layout.netns(slot.rec.sandbox_id))
        return inside

    async def _make(self, source: str = "") -> Netlink:
        _, fds = await self._zygote.order("netns.make", {"source": source}, deadline=SECONDS)
        return Netlink.from_fd(fds[0])

    def _pin(self, inside: Netlink, path: str) -> None:
        with translate("pin the network namespace"):
            os.makedirs(self._layout.namespaces, mode=0o755, exist_ok=True)
            namespace = inside.namespace()
            try:
                netns.pin(f"/proc/self/fd/{namespace}", path)
            finally:
                os.close(namespace)

    async def enter(self, rec: Record) -> Netlink:
        """Return a netlink socket inside the namespace of a container that runs, to be closed."""
        _, fds = await self._zygote.order("netns.open", {"path": rec.sandbox_key}, deadline=SECONDS)
        return Netlink.from_fd(fds[0])

    async def release(self, rec: Record) -> None:
        """Unpin the namespace; the kernel reaps it with its links once its last process is gone."""
        if inside := self._inside.pop(rec.sandbox_id, None):
            inside.close()
        if rec.sandbox_id and _own(rec):
            await offload(self._unpin, self._layout.netns(rec.sandbox_id))

    def _kept(self, rec: Record) -> str:
        """Return the pin of a living container that is in this one's network; empty for none."""
        joined = sharers("network", rec, self._records())
        return next((self._layout.joined(other.id, "network") for other in joined), "")

    @staticmethod
    def _unpin(path: str) -> None:
        with translate("unpin the network namespace"):
            netns.release(path)


def _own(rec: Record) -> bool:
    mode = rec.host_config.network_mode
    return mode != "host" and not joins(mode)
