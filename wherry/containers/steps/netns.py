"""Step netns: a network namespace of its own, pinned under the exec root before any process exists."""

import os

from wherry.base.offload import offload
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

    A helper child makes it, since the daemon never enters a namespace; it hands back a netlink socket that lives in
    there. Release finds it by the sandbox id.
    """

    name = "netns"

    def __init__(self, zygote: Zygote, layout: Layout) -> None:
        """Take the forker of helper children and the paths."""
        self._zygote = zygote
        self._layout = layout

    async def acquire(self, slot: Slot) -> Netlink | None:
        """Return a netlink socket inside the new namespace; None for the host's network."""
        if slot.rec.host_config.network_mode == "host":
            return None
        path = self._layout.netns(slot.rec.sandbox_id)
        os.makedirs(self._layout.namespaces, mode=0o755, exist_ok=True)
        _, fds = await self._zygote.order("netns.make", {"path": path}, deadline=SECONDS)
        return Netlink.from_fd(fds[0])

    async def enter(self, rec: Record) -> Netlink:
        """Return a netlink socket inside the namespace of a container that runs, to be closed."""
        _, fds = await self._zygote.order("netns.open", {"path": rec.sandbox_key}, deadline=SECONDS)
        return Netlink.from_fd(fds[0])

    async def release(self, rec: Record) -> None:
        """Unpin the namespace; the kernel reaps it with its links once its last process is gone."""
        if rec.sandbox_id and rec.host_config.network_mode != "host":
            await offload(self._unpin, self._layout.netns(rec.sandbox_id))

    @staticmethod
    def _unpin(path: str) -> None:
        with translate("unpin the network namespace"):
            netns.release(path)
