"""Names of runtimes, and the two tiers that run containers behind one interface: shims of containerd, and keepers.

Steps and verbs ask a tier for create, start, kill, wait, exec and delete; nothing here decides when.
"""
