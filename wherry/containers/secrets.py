"""Hiding what users put into the environment and into log options from texts that travel. Pure."""

from wherry.state.record import Record

MASK = "******"
SHORTEST = 4
"""A shorter value hides nothing and would blank the words around it."""
_PUBLIC = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TERM", "HOSTNAME", "TZ", "SHELL", "PWD"})
"""Variables whose values are no secret, and which error texts are about."""


def masked(text: str, rec: Record) -> str:
    """Return a text without any value of the container's environment or of its log options."""
    pairs = (entry.partition("=") for entry in rec.config.env or ())
    values = {value for name, _, value in pairs if name not in _PUBLIC}
    values |= set((rec.host_config.log_config.config or {}).values())
    for value in sorted(values, key=len, reverse=True):  # a value may hold a shorter one
        if len(value) >= SHORTEST:
            text = text.replace(value, MASK)
    return text
