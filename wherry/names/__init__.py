"""The resolver of the containers: one process per engine that answers 127.0.0.11 in every sandbox, and its orders.

The process outlives the daemon and knows only what it was told: sockets, networks, servers. It never reads a record,
and what a container sends it never makes it keep anything.
"""
