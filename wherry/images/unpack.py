"""An image's layers become a chain of committed snapshots (images.md 3 and 4; OCI config.md "Layer ChainID")."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import sha256

from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound, System
from wherry.base.refs import is_digest
from wherry.base.tasks import finish
from wherry.containerd.content import Content
from wherry.containerd.diff import Diff
from wherry.containerd.leases import Leases
from wherry.containerd.snapshots import Snapshots
from wherry.model.image import Descriptor, ImageConfig, Manifest

UNCOMPRESSED_LABEL = "containerd.io/uncompressed"
SNAPSHOT_REF_LABEL = "containerd.io/snapshot.ref"
GC_SNAPSHOT_LABEL = "containerd.io/gc.ref.snapshot"
"""Followed by `.<snapshotter>`, on a config blob: what keeps the chain alive."""


Around = Callable[[Descriptor], AbstractAsyncContextManager[None]]


def _nothing(_layer: Descriptor) -> AbstractAsyncContextManager[None]:
    return nullcontext()


class Unpacker:
    """Applies layers that are in the content store; a snapshot that exists is used as it is."""

    def __init__(self, content: Content, leases: Leases, snapshots: Snapshots, diff: Diff) -> None:
        """Take containerd's services."""
        self._content = content
        self._leases = leases
        self._snapshots = snapshots
        self._diff = diff

    async def __call__(self, manifest: Manifest, config: ImageConfig, lease: str, around: Around = _nothing) -> str:
        """Unpack an image and return its chain id, `""` without layers; from now on its config keeps the chain alive.

        `around` is entered for each layer: it waits until the layer is in the content store, and sees it unpacked.
        InvalidParameter if layers and config do not belong together, System in containerd's words if one cannot be
        unpacked; what was done of that layer is undone.
        """
        diff_ids = config.rootfs.diff_ids
        check_diff_ids(manifest.layers, diff_ids)
        chain = ""
        for layer, diff_id, above in zip(manifest.layers, diff_ids, chain_ids(diff_ids), strict=True):
            async with around(layer):
                if not await self._held(above, lease):
                    await self._layer(layer, diff_id, chain, above, lease)
            chain = above
        if chain:
            label = f"{GC_SNAPSHOT_LABEL}.{self._snapshots.snapshotter}"
            await self._content.label(manifest.config.digest, {label: chain})
        return chain

    async def _held(self, chain: str, lease: str) -> bool:
        """Tell whether a snapshot exists; if so the lease keeps it from the collector."""
        # The lease comes first: a snapshot that nothing else holds may go between the two calls.
        await self._leases.add(lease, f"snapshots/{self._snapshots.snapshotter}", chain)
        try:
            return (await self._snapshots.stat(chain)).kind == "committed"
        except NotFound:
            return False

    async def _layer(self, layer: Descriptor, diff_id: str, parent: str, chain: str, lease: str) -> None:
        """Make the snapshot of one layer, unless somebody else is faster."""
        key = f"extract-{secrets.token_hex(8)}"
        try:
            mounts = await self._snapshots.prepare(key, parent, lease, {SNAPSHOT_REF_LABEL: chain})
            try:
                applied = await self._diff.apply(layer, mounts, lease)
            except EngineError as error:
                raise System(
                    f"failed to extract layer ({layer.media_type} {layer.digest}) to {self._snapshots.snapshotter} "
                    f'as "{key}": {error}'
                ) from error
            if applied.digest != diff_id:
                raise InvalidParameter(
                    f'wrong diff id "{applied.digest}" calculated on extraction "{diff_id}", desc "{layer.digest}"'
                )
            # Only now: a config may claim any diff id of a snapshot that exists.
            await self._content.label(layer.digest, {UNCOMPRESSED_LABEL: diff_id})
            await self._snapshots.commit(chain, key, lease)
        except Conflict as error:
            await self._drop(key, error)
            if not await self._held(chain, lease):
                raise
        except BaseException as error:
            await self._drop(key, error)
            raise

    async def _drop(self, key: str, cause: BaseException) -> None:
        """Remove a snapshot half done; what fails is noted, and the collector's once the lease has ended."""
        try:
            await finish(self._snapshots.remove(key))
        except EngineError as error:
            cause.add_note(f"could not remove the snapshot {key}: {error}")


def chain_ids(diff_ids: Sequence[str]) -> Iterator[str]:
    """Yield the chain id of every layer from the base up."""
    chain = ""
    for diff_id in diff_ids:
        chain = f"sha256:{sha256(f'{chain} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
        yield chain


def check_diff_ids(layers: Sequence[Descriptor], diff_ids: Sequence[str]) -> None:
    """Raise InvalidParameter unless there is a digest for each layer."""
    if len(layers) != len(diff_ids):
        raise InvalidParameter(f"number of layers and diffIDs don't match: {len(layers)} != {len(diff_ids)}")
    for diff_id in diff_ids:
        if not is_digest(diff_id):
            raise InvalidParameter(f'invalid diff id "{diff_id}" in the image config')
