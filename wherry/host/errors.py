"""The one door where OSError becomes a kind."""

import contextlib
from collections.abc import Iterator

from wherry.base.errors import System


@contextlib.contextmanager
def translate(step: str) -> Iterator[None]:
    """Turn an OSError into System that names the step, the object and the kernel's reason."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise System(f"{step}{where}: {error.strerror or error}") from error
