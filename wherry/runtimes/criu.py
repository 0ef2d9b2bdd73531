"""CRIU's files of a container as a tar in the content store: on their way out of a checkpoint and into a restore."""

import os
from collections.abc import AsyncIterator
from typing import IO

from wherry.base.offload import offload
from wherry.containerd.content import Content
from wherry.containerd.tasks import CHECKPOINT_MEDIA_TYPE
from wherry.host import files, treetar
from wherry.host.errors import translate
from wherry.model.image import Descriptor


class CriuTars:
    """Packs directories into the store, and brings the tars back."""

    def __init__(self, content: Content, spool: str) -> None:
        """Take the store, and the directory for files without a name."""
        self._content = content
        self._spool = spool

    async def keep(self, directory: str, labels: dict[str, str], lease: str, ref: str) -> Descriptor:
        """Put all below a directory into the store as a tar, under a lease; `ref` names the write.

        System for what CRIU would not have written: links and devices.
        """
        with await offload(files.spool, self._spool) as file:
            digest, size = await offload(_pack, directory, file)
            await self._content.write(digest, size, _pieces(file, size), labels, lease, ref)
        return Descriptor(media_type=CHECKPOINT_MEDIA_TYPE, digest=digest, size=size)

    async def fetch(self, tar: Descriptor) -> IO[bytes]:
        """Return a tar as a file at its start, which is the caller's to close; NotFound."""
        file = await offload(files.spool, self._spool)
        try:
            async for piece in self._content.stream(tar.digest):
                await offload(_append, file, piece)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file


def _pack(path: str, file: IO[bytes]) -> tuple[str, int]:
    with translate("pack the checkpoint"):
        treetar.pack(path, file)
        return treetar.digest(file)


def _append(file: IO[bytes], piece: bytes) -> None:
    with translate("keep the checkpoint"):
        files.write_all(file, piece)


async def _pieces(file: IO[bytes], size: int) -> AsyncIterator[bytes]:
    for at in range(0, size, treetar.PIECE):
        yield await offload(os.pread, file.fileno(), treetar.PIECE, at)
