"""The program: exec'd by the daemon with its first connection and its listening socket as descriptors 3 and 4."""

import asyncio
import gc
import resource
import socket

from wherry.host import forkserver
from wherry.host.spawn import FIRST
from wherry.names.control import Control, Orders

LOG_BYTES = 1024 * 1024
"""Most bytes of its log; what is written beyond fails (setrlimit(2), RLIMIT_FSIZE; Python ignores SIGXFSZ)."""


def main() -> None:
    """Serve until there is neither a daemon nor a sandbox."""
    forkserver.close_others((FIRST, FIRST + 1))
    forkserver.prctl(forkserver.PR_SET_DUMPABLE, 0)
    forkserver.set_name("wherry-names")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LOG_BYTES, LOG_BYTES))
    gc.collect()
    gc.freeze()
    asyncio.run(_serve())


async def _serve() -> None:
    control = Control(socket.socket(fileno=FIRST + 1), socket.socket(fileno=FIRST), Orders())
    await control.over.wait()


if __name__ == "__main__":
    main()
