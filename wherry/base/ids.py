"""Identifiers and names of containers (api-containers.md 3.2)."""

import re
import secrets

from wherry.base.errors import InvalidParameter

SHORT = 12
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def new_id() -> str:
    """Return 64 random hex digits whose first 12 are not all decimal, so that they never read as a number."""
    while True:
        ident = secrets.token_hex(32)
        if not ident[:SHORT].isdecimal():
            return ident


def short(ident: str) -> str:
    """Return the 12 digits that people are shown."""
    return ident[:SHORT]


def check_name(name: str) -> str:
    """Return the name without its optional leading slash; InvalidParameter in Docker's words when it is malformed."""
    bare = name.removeprefix("/")
    if not NAME.fullmatch(bare):
        raise InvalidParameter(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return bare
