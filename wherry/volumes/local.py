"""The driver `local`: a volume is a directory below the data root (api-containers.md 3.6).

So far it makes anonymous volumes only. What the image has at the mountpoint is not copied into them yet.
"""

import os
import re

from wherry.base.errors import InvalidParameter
from wherry.host import files
from wherry.host.errors import translate

DRIVER = "local"
NAME = re.compile(r"[0-9a-f]{64}")
CLOSED = 0o701
"""Mode of the directories above the data: users pass through and see nothing."""
OPEN = 0o755


class LocalVolumes:
    """`<data-root>/volumes/<name>/_data`; create and remove block, callers offload them."""

    def __init__(self, data_root: str) -> None:
        """Take the data root; nothing is made before the first volume."""
        self._root = f"{data_root}/volumes"

    def path(self, name: str) -> str:
        """Return where the data of a volume is or would be; InvalidParameter for a name that is none of ours."""
        return f"{self._home(name)}/_data"

    def create(self, name: str) -> str:
        """Make the volume and return its path; one that exists is kept as it is."""
        path = self.path(name)
        with translate("make the volume"):
            os.makedirs(self._root, CLOSED, exist_ok=True)
            os.makedirs(self._home(name), CLOSED, exist_ok=True)
            os.makedirs(path, OPEN, exist_ok=True)
        return path

    def remove(self, name: str) -> None:
        """Remove the volume with its data; a missing one is fine."""
        home = self._home(name)
        with translate("remove the volume"):
            files.remove_tree(home)

    def _home(self, name: str) -> str:
        if not NAME.fullmatch(name):
            raise InvalidParameter(f'"{name}" is no name of an anonymous volume: 64 hex digits')
        return f"{self._root}/{name}"
