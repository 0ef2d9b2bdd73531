"""A lease around a piece of work: what it makes stays until something else refers to it (images.md 4)."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from wherry.base.errors import EngineError
from wherry.base.tasks import finish
from wherry.containerd.leases import Leases

PRUNE_LABEL = "moby/prune.images"
LEASE_NS = 8 * 3600 * 1_000_000_000

log = logging.getLogger("wherry.images")


@asynccontextmanager
async def hold(leases: Leases, mark: Mapping[str, str], *, stays: bool = False) -> AsyncIterator[str]:
    """Make a lease and end it at the end; one outlives a crash of ours until it expires or the next boot's sweep.

    `mark` are the labels that tell the sweep that it is ours. If it `stays`, it does when the work is cancelled:
    another attempt finds what there is already. After a failure nothing of it is left in the store.
    """
    lease = secrets.token_hex(32)
    keep = sync = False
    try:
        # Not cut in two: the end of a lease that is being made would find none.
        await finish(leases.create(lease, {PRUNE_LABEL: "true", **mark}, time.time_ns() + LEASE_NS))
        yield lease
    except asyncio.CancelledError:
        keep = stays
        raise
    except EngineError:
        sync = True
        raise
    finally:
        try:
            if not keep:
                await finish(leases.delete(lease, sync))
        except EngineError as error:
            log.warning("the lease %s stays until it expires: %s", lease, error)
