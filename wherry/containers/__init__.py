"""The verbs of the API on containers; the only room that makes other rooms work together.

Start reads top to bottom in start.py; every effect belongs to a step with one idempotent release.
"""
