"""Names of runtimes to shims and their options, one interface for every tier.

Starts nothing itself: steps ask a runtime for create, start, kill, wait, exec and delete.
"""
