"""The driver `local`: a volume is a directory below the data root (images.md 20.2, api-containers.md 3.6).

A volume comes and goes by a rename, so one that can be found is whole whatever instant the engine died at. Everything
here blocks; callers offload it.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator

import msgspec

from wherry.base.errors import NotFound
from wherry.base.ids import new_id
from wherry.host import files
from wherry.host.errors import translate
from wherry.model.volume import Volume, VolumeNote
from wherry.volumes.syntax import VOLUME_NAME

NOTE, MAKER = "volume.json", "maker"
NEW, GONE = ".new-", ".gone-"
"""How directories begin that are no volume yet or any more; no name of a volume begins so."""
ID_LENGTH = 64
CLOSED = 0o701
"""Mode of the directories above the data: users pass through and see nothing."""
OPEN = 0o755

log = logging.getLogger("wherry.volumes")


class LocalVolumes:
    """`<data-root>/volumes/<name>/_data`, with a note beside the data."""

    def __init__(self, data_root: str) -> None:
        """Take the data root; nothing is made before the first volume."""
        self._root = f"{data_root}/volumes"

    def home(self, name: str) -> str:
        """Return the directory that holds a volume's data and what belongs to it."""
        if not VOLUME_NAME.fullmatch(name):
            raise NotFound(f"get {name}: no such volume")
        return f"{self._root}/{name}"

    def path(self, name: str) -> str:
        """Return where the data of a volume is or would be; NotFound for what cannot be a name."""
        return f"{self.home(name)}/_data"

    def exists(self, name: str) -> bool:
        """Tell whether there is a volume of that name."""
        return os.path.isdir(self.path(name))

    def find(self, name: str) -> Volume:
        """Return a volume; NotFound in Docker's words."""
        if not self.exists(name):
            raise NotFound(f"get {name}: no such volume")
        return Volume(name=name, path=self.path(name), note=self._read_note(name))

    def all(self) -> list[Volume]:
        """Return every volume, by name; a directory that somebody made by hand is one too."""
        names = [name for name in self._entries() if VOLUME_NAME.fullmatch(name)]
        return [self.find(name) for name in sorted(names) if self.exists(name)]

    def create(self, name: str, note: VolumeNote, maker: str = "") -> bool:
        """Make a volume, whole or not at all; False for one that exists, which is kept as it is.

        `maker` is a container that is being created: until `keep`, the volume is nothing without its record.
        """
        home = self.home(name)
        if self.exists(name):
            return False
        with translate("make the volume"):
            os.makedirs(self._root, CLOSED, exist_ok=True)
            fresh = tempfile.mkdtemp(prefix=NEW, dir=self._root)
            try:
                _mkdir(f"{fresh}/_data", OPEN)
                files.write_atomic(f"{fresh}/{NOTE}", msgspec.json.encode(note), 0o600)
                if maker:
                    files.write_in_place(f"{fresh}/{MAKER}", maker.encode(), 0o600)
                os.chmod(fresh, CLOSED)
                os.rename(fresh, home)
            except BaseException:
                files.remove_tree(fresh)
                raise
        return True

    def maker(self, name: str) -> str:
        """Return the container that a volume was made for and that may never have come to be; empty if it stays."""
        with translate("look at the volume"):
            try:
                with open(f"{self.home(name)}/{MAKER}", encoding="ascii", errors="replace") as file:
                    return file.read(ID_LENGTH)
            except FileNotFoundError:
                return ""

    def keep(self, name: str) -> None:
        """Let a volume stay without its maker; twice is fine."""
        with translate("keep the volume"), contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.home(name)}/{MAKER}")

    def detach(self, name: str) -> str:
        """Take a volume away by its name and return where its data waits to be deleted; NotFound."""
        home = self.find(name).path.removesuffix("/_data")
        gone = f"{self._root}/{GONE}{new_id()}"
        with translate("remove the volume"):
            os.rename(home, gone)
        return gone

    def delete(self, path: str) -> None:
        """Delete what `detach` or `waste` named, following no link; a missing one is fine."""
        with translate("remove the volume"):
            files.remove_tree(path)

    def waste(self) -> list[str]:
        """Return what engines that died left of volumes that are not yet or no more."""
        return [f"{self._root}/{name}" for name in self._entries() if name.startswith((NEW, GONE))]

    def _entries(self) -> list[str]:
        try:
            return os.listdir(self._root)
        except FileNotFoundError:
            return []

    def _read_note(self, name: str) -> VolumeNote:
        """Read the note; without one, or with one that cannot be read, a volume is as old as its directory."""
        home = self.home(name)
        try:
            with open(f"{home}/{NOTE}", "rb") as file:
                return msgspec.json.decode(file.read(), type=VolumeNote)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            log.error("volume %s: its note is not readable: %s", name, error)
        with translate("look at the volume"):
            return VolumeNote(created=os.stat(home).st_mtime_ns)


def _mkdir(path: str, mode: int) -> None:
    os.mkdir(path)
    os.chmod(path, mode)  # whatever the umask


def tree_size(path: str) -> int:
    """Return the bytes of all files below a directory, each inode once; what vanishes meanwhile does not count."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for found in _walk(path):
        if (found.st_dev, found.st_ino) not in seen:
            seen.add((found.st_dev, found.st_ino))
            total += found.st_size
    return total


def _walk(path: str) -> Iterator[os.stat_result]:
    for _, _, names, directory in os.fwalk(path, follow_symlinks=False):
        for name in names:
            try:
                yield os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                continue
