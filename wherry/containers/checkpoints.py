"""Checkpoints on disk: where they are, and Docker's words for what is not there (start.md 10). All of it blocks."""

import os
import re
import stat

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.host import files
from wherry.host.errors import translate

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
HIDDEN = "."
"""Names that begin so are checkpoints half written; no checkpoint may have one."""


def check_id(ident: str) -> None:
    """Raise InvalidParameter unless a text may name a checkpoint; so none leads out of its directory."""
    if not _ID.fullmatch(ident) or ident.endswith("."):
        raise InvalidParameter(f'invalid checkpoint ID "{ident}", only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed')


def check_directory(directory: str) -> None:
    """Raise InvalidParameter for a directory that depends on where the engine happens to run."""
    if directory and not directory.startswith("/"):
        raise InvalidParameter(f'invalid checkpoint directory "{directory}": the path must be absolute')


def vacant(directory: str, ident: str, ref: str) -> str:
    """Return the path of a new checkpoint; System in Docker's words when there is something at it."""
    path = os.path.join(directory, ident)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        with translate("make the directory of checkpoints"):
            os.makedirs(directory, 0o700, exist_ok=True)
        return path
    except OSError as error:
        raise System(f"stat {path}: {(error.strerror or '').lower()}") from error
    if stat.S_ISDIR(mode):
        raise System(f"checkpoint with name {ident} already exists for container {ref}")
    raise System(f"{path} exists and is not a directory")


def present(directory: str, ident: str, ref: str) -> str:
    """Return the path of a checkpoint; System in Docker's words when it is none."""
    path = os.path.join(directory, ident)
    if not os.path.lexists(path):
        raise System(f"checkpoint {ident} does not exist for container {ref}")
    if os.path.islink(path) or not os.path.isdir(path):
        raise System(f"{path} exists and is not a directory")
    return path


def names(directory: str, ref: str, given: bool) -> list[str]:
    """Return the names of all checkpoints in order; a directory that was `given` must be there (NotFound)."""
    try:
        with os.scandir(directory) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError as error:
        if not given:
            return []
        text = f'checkpoint directory "{directory}" does not exist for container {ref}'
        raise NotFound(f"{text}: stat {directory}: no such file or directory") from error
    except NotADirectoryError as error:
        raise InvalidParameter(f"{directory} exists and is not a directory") from error
    return sorted(name for name in found if not name.startswith(HIDDEN))


def remove(path: str) -> None:
    """Remove a checkpoint."""
    with translate("remove the checkpoint"):
        files.remove_tree(path)


def drop_half_written(directory: str) -> None:
    """Remove what a checkpoint that was cut has left in a container's own directory."""
    try:
        found = [name for name in os.listdir(directory) if name.startswith(HIDDEN)]
    except FileNotFoundError:
        return
    for name in found:
        remove(os.path.join(directory, name))
