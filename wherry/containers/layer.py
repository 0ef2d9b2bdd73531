"""The writable layer of a container that is being created: a snapshot on its image's top layer.

containerd takes 1 ms to say what a name means and 3 to make a snapshot. A name mostly means what it meant last time, so
the snapshot is begun on that while containerd is asked; where it means something else the snapshot is made anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from wherry.base.errors import EngineError, NotFound
from wherry.base.units import format_time
from wherry.containerd.snapshots import ROOT_LABEL

MOST = 256
"""Names that are remembered; the one that was not used for longest goes first."""


class Snapshots(Protocol):
    """Holds root filesystems (containerd.snapshots.Snapshots)."""

    async def prepare(self, key: str, parent: str, *, labels: dict[str, str]) -> object:
        """Make a writable snapshot."""
        ...

    async def remove(self, key: str) -> None:
        """Remove it; missing is fine."""
        ...


class Layers:
    """Makes layers, and remembers which top layer a name of an image meant."""

    def __init__(self, snapshots: Snapshots, labels: Mapping[str, str]) -> None:
        """Take containerd's side; `labels` mark our snapshots for the sweep at boot."""
        self._snapshots = snapshots
        self._labels = labels
        self._meant: OrderedDict[str, str] = OrderedDict()

    def begin(self, ident: str, created: int, image: str) -> "Layer":
        """Begin the layer of a container that was asked for with this name of an image; for the loop."""
        labels = {ROOT_LABEL: format_time(created), **self._labels}
        return Layer(self._snapshots, ident, labels, self._meant.get(image))

    def remember(self, image: str, chain: str) -> None:
        """Note what the name meant."""
        self._meant[image] = chain
        self._meant.move_to_end(image)
        while len(self._meant) > MOST:
            self._meant.popitem(last=False)


class Layer:
    """One layer: begun, then `have`, or `give_back`."""

    def __init__(self, snapshots: Snapshots, ident: str, labels: dict[str, str], guess: str | None) -> None:
        """Begin on the top layer that is guessed, if any."""
        self._snapshots = snapshots
        self._ident = ident
        self._labels = labels
        self._guess = guess
        self._task = None if guess is None else asyncio.ensure_future(self._make(guess))
        self._taken = guess is not None

    async def have(self, chain: str) -> None:
        """Make it on top of `chain`; NotFound when that is no snapshot."""
        if self._task is not None and self._guess == chain:
            with suppress(NotFound):  # the image went and came back without its layers, or is said to be gone below
                await self._task
                return
        await self._undo()
        self._taken = True
        await self._make(chain)

    async def give_back(self, error: BaseException) -> None:
        """Undo; what fails is noted on the error that the client gets, and swept at the next boot."""
        try:
            await self._undo()
        except EngineError as failure:
            error.add_note(f"could not give back what container {self._ident} held: {failure}")

    async def _make(self, chain: str) -> None:
        await self._snapshots.prepare(self._ident, chain, labels=self._labels)

    async def _undo(self) -> None:
        """Remove what was made or may have been; the making is over first."""
        if not self._taken:
            return
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.exception()  # seen: what counts is what comes of the right one
        await self._snapshots.remove(self._ident)
        self._taken = False
