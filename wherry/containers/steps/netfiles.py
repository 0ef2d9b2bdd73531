"""Step netfiles: hosts, hostname and resolv.conf, which are bind-mounted into the container."""

import os

from wherry.base.offload import offload
from wherry.containers.layout import Layout
from wherry.host.errors import translate
from wherry.host.files import write_in_place
from wherry.network import netfiles
from wherry.network.service import Networking
from wherry.spec.facts import NetFiles
from wherry.state.record import Record
from wherry.state.store import Slot


class NetworkFiles:
    """After acquire: the three files stand in the container's directory, rewritten for this run.

    They stay with the container, so release has nothing to give back; remove deletes the directory.
    """

    name = "netfiles"

    def __init__(self, networking: Networking, layout: Layout) -> None:
        """Take what the files are made of, and the paths."""
        self._networking = networking
        self._layout = layout

    async def acquire(self, slot: Slot) -> NetFiles:
        """Write the files; returns their paths."""
        return await offload(self._write, slot.rec)

    async def release(self, rec: Record) -> None:
        """Nothing: the files belong to the container."""

    def _write(self, rec: Record) -> NetFiles: ...
