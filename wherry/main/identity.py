"""The engine's id: made once per data root, and the mark on all that is ours."""

import os
import uuid

from wherry.host.errors import translate
from wherry.host.files import write_atomic

MARK = "io.wherry.engine"
"""Label of containers, snapshots and leases of an engine; its value is the engine's id."""


def engine_id(data_root: str) -> str:
    """Return the UUID in `<data-root>/engine-id`, made at the first start."""
    path = os.path.join(data_root, "engine-id")
    with translate("read the engine's id"):
        try:
            with open(path, encoding="ascii") as file:
                return file.read().strip()
        except FileNotFoundError:
            made = str(uuid.uuid4())
            write_atomic(path, made.encode())
            return made
