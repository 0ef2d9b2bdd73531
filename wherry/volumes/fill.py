"""Copy-up: an empty volume gets what the image has at its mountpoint (images.md 20.3, api-containers.md 3.6).

The copy is made beside the data and is renamed when it is whole; only then its entries are moved in. An engine that
dies before the rename leaves nothing that counts, one that dies after it is finished by `settle`: a volume is never
taken for filled while it is half full, and nothing that a container wrote is ever deleted.
"""

import contextlib
import os
import time
from collections.abc import Generator, Iterator

from wherry.base.errors import DeadlineExceeded, System
from wherry.base.offload import offload
from wherry.base.tasks import finish
from wherry.host import files
from wherry.host.copytree import copy_attributes, copy_tree
from wherry.host.errors import translate

COPY, WHOLE = "copy.new", "copy"
SLICE_SECONDS = 0.2
"""How long one visit to the pool of threads may take, which others wait for."""
FILL_SECONDS = 600.0
STEP = "failed to populate volume"


async def fill(home: str, rootfs: str, destination: str, seconds: float = FILL_SECONDS) -> None:
    """Fill the volume below `home` if it is empty and the mounted root filesystem has that directory.

    System when a file is there or the copy fails, DeadlineExceeded when it takes too long; the volume is as it was
    then. The caller sees to it that nobody else fills the same volume.
    """
    work = _fill(home, rootfs, destination)
    end = time.monotonic() + seconds
    try:
        with contextlib.closing(work):
            while await offload(_go_on, work):
                if time.monotonic() > end:
                    raise DeadlineExceeded(f"{STEP}: {destination} of the image was not copied in {seconds:g} seconds")
    except BaseException:
        await finish(offload(_discard, home))
        raise


def settle(home: str) -> None:
    """Finish or discard what an engine that died had begun; nothing begun is fine. Blocking."""
    _discard(home)
    with translate(STEP):
        _move_in(home)


def _fill(home: str, rootfs: str, destination: str) -> Generator[None, None, None]:
    """Do it all, in steps as small as the files are."""
    settle(home)
    try:
        source = files.open_in_root(rootfs, destination, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise System(f"cannot mount volume over existing file, file exists {destination}") from error
    try:
        with os.scandir(f"{home}/_data") as entries:
            if next(entries, None) is not None:
                return
        os.mkdir(f"{home}/{COPY}", 0o700)
        with _directory(f"{home}/{COPY}") as copy:
            yield from copy_tree(source, copy)
    finally:
        os.close(source)
    os.rename(f"{home}/{COPY}", f"{home}/{WHOLE}")
    _move_in(home)


def _go_on(work: Generator[None, None, None]) -> bool:
    """Copy for a while; False when all is copied."""
    end = time.monotonic() + SLICE_SECONDS
    with translate(STEP):
        for _ in work:
            if time.monotonic() > end:
                return True
    return False


def _discard(home: str) -> None:
    with translate(STEP):
        files.remove_tree(f"{home}/{COPY}")


def _move_in(home: str) -> None:
    """Move the entries of a whole copy into the data; what a container has made there meanwhile stays."""
    whole = f"{home}/{WHOLE}"
    if not os.path.isdir(whole):
        return
    with _directory(whole) as copy, _directory(f"{home}/_data") as data:
        for name in os.listdir(copy):
            if not _exists(name, data):
                os.rename(name, name, src_dir_fd=copy, dst_dir_fd=data)
        copy_attributes(copy, data)
    files.remove_tree(whole)


def _exists(name: str, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def _directory(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
