"""What containerd unpacks of a checkpoint and forgets: directories below its `temp`, each as large as a memory.

They have no owner in their names, so they are removed when no checkpoint is being made or restored. A containerd of
somebody else's keeps its own elsewhere.
"""

import asyncio
import glob

from wherry.base.offload import offload
from wherry.host import files
from wherry.host.errors import translate

PREFIX = "ctrd-checkpoint"


class Unpacked:
    """Counts who may still use such a directory."""

    def __init__(self, temp: str) -> None:
        """Take the directory that our containerd has for temporary files."""
        self._temp = temp
        self._users: set[str] = set()
        self._lock = asyncio.Lock()

    async def enter(self, user: str) -> None:
        """A call that makes or reads such a directory follows."""
        async with self._lock:
            self._users.add(user)

    async def leave(self, user: str) -> None:
        """That is over; the last one out removes what is left. Any number of times is fine."""
        async with self._lock:
            self._users.discard(user)
            if not self._users:
                await offload(self._remove)

    def _remove(self) -> None:
        with translate("remove what containerd has left of a checkpoint"):
            for path in glob.glob(f"{glob.escape(self._temp)}/{PREFIX}*"):
                files.remove_tree(path)
