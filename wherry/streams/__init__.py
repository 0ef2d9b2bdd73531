"""Container streams: the keeper that owns stdio and survives the daemon, log files, attach, frames.

What the keeper imports is the standard library and this room only; nothing here talks to containerd.
"""
