"""What answers: containerd's version, and which of its plugins are fit for use."""

from wherry.containerd.channel import CALL_DEADLINE, Channel
from wherry.containerd.gen.messages import Empty, message

VersionResponse = message("containerd.services.version.v1.VersionResponse")
PluginsRequest = message("containerd.services.introspection.v1.PluginsRequest")
PluginsResponse = message("containerd.services.introspection.v1.PluginsResponse")


async def version(channel: Channel, deadline: float = CALL_DEADLINE) -> tuple[str, str]:
    """Return containerd's version and source revision, as it words them."""
    reply = await channel.call(
        "containerd.services.version.v1.Version/Version", Empty(), VersionResponse, deadline=deadline
    )
    return reply.version, reply.revision


async def snapshotters(channel: Channel) -> dict[str, str]:
    """Return the snapshotters by name with the reason why one cannot be used; empty means it can."""
    request = PluginsRequest(filters=["type==io.containerd.snapshotter.v1"])
    reply = await channel.call("containerd.services.introspection.v1.Introspection/Plugins", request, PluginsResponse)
    return {plugin.id: plugin.init_err.message for plugin in reply.plugins}
