"""The way to containerd: the given one, or one of our own that is started (or adopted) and watched over."""

import asyncio
from contextlib import AsyncExitStack

from wherry.containerd.channel import Channel
from wherry.containerd.child import ContainerdChild
from wherry.main.config import Config

CHANNEL_SECONDS = 20.0


async def reach(config: Config, up: AsyncExitStack) -> Channel:
    """Return an open channel; Unavailable and System say why there is none. What is to be ended is left on `up`."""
    address = config.containerd
    if not address:
        child = ContainerdChild(f"{config.data_root}/containerd", f"{config.exec_root}/containerd")
        up.push_async_callback(child.stop)
        address = await child.start()
        watch = asyncio.create_task(child.supervise())
        up.callback(watch.cancel)
    channel = Channel(address, "moby")
    up.push_async_callback(channel.close)
    await channel.open(CHANNEL_SECONDS)
    return channel
