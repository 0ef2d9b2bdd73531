"""The configuration of our own containerd: pure text, understood by 1.6 to 2.x (a version 2 file)."""

import json

from wherry.base.errors import InvalidParameter

SOCKET_LIMIT = 107
"""Bytes of a unix socket's path (unix(7), sun_path without its NUL)."""

DISABLED = (
    # Kubernetes' side: a quarter of the memory, listeners of its own, CNI.
    "io.containerd.grpc.v1.cri",
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
    "io.containerd.podsandbox.controller.v1.podsandbox",
    "io.containerd.nri.v1.nri",
    # Makes /opt/containerd.
    "io.containerd.internal.v1.opt",
    # Starts containers again by labels of its own.
    "io.containerd.internal.v1.restart",
    "io.containerd.monitor.container.v1.restart",
)


def socket_path(state: str) -> str:
    """Return where containerd listens below our state directory; InvalidParameter if the path is too long."""
    path = f"{state}/containerd.sock"
    longest = len(f"{path}.ttrpc".encode())
    if longest > SOCKET_LIMIT:
        raise InvalidParameter(
            f"the path of containerd's socket, {path}.ttrpc, has {longest} bytes and a unix socket takes"
            f" {SOCKET_LIMIT}: choose a shorter --exec-root"
        )
    return path


def config_text(root: str, state: str) -> str:
    """Return the file for a containerd whose data is in `root` and whose run-time files are below `state`."""
    return f"""\
# Written by wherryd at every start of its containerd; changes are lost.
version = 2
root = {_quote(root)}
state = {_quote(f"{state}/state")}
temp = {_quote(f"{state}/tmp")}
oom_score = 0
imports = []
disabled_plugins = [{", ".join(_quote(plugin) for plugin in DISABLED)}]

[grpc]
  address = {_quote(socket_path(state))}

[debug]
  level = "warn"
"""


def _quote(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text)
