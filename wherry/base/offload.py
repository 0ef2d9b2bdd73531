"""The way from the event loop to blocking functions: one small pool of threads.

A call handed over always runs to its end: cancelling the waiter does not cut the effect in two, so the owner of an
undo finds either nothing or the whole.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

WORKERS = 8
_pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="offload")


async def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in the pool and return what it returns.

    When the caller is cancelled the function still ends first; then CancelledError is raised.
    """
    future = asyncio.get_running_loop().run_in_executor(_pool, partial(function, *args, **kwargs))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
