"""The operating system behind plain, blocking, typed functions: mounts, namespaces, netlink, nftables, files.

Never decides anything, and nothing outside this room opens netlink, mounts or forks. Callers on the event loop go
through base.offload.
"""
