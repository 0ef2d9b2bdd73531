"""Nouns: the bodies of the Engine API in its newest shape, frozen, and how they are encoded.

Holds no behaviour and no version switch; older shapes exist in api/versions.py alone.
"""
