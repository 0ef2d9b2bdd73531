"""The AppArmor profile of a process is in the kernel before the runtime names it."""

from collections.abc import Mapping
from typing import Any

from wherry.base.offload import offload
from wherry.host.apparmor import load_if_missing
from wherry.spec.security import APPARMOR_DEFAULT


async def ensure_profile(process: Mapping[str, Any]) -> None:
    """Load the default profile if this OCI process runs under it; those of other names are the administrator's.

    System, in Docker's words, when it cannot be loaded.
    """
    if process.get("apparmorProfile") == APPARMOR_DEFAULT:
        await offload(load_if_missing, APPARMOR_DEFAULT)
