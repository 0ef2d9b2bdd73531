"""Options of a tmpfs (start.md 5.7; mount(8), tmpfs(5))."""

from collections.abc import Sequence

from wherry.base.errors import InvalidParameter

DEFAULTS = ("noexec", "nosuid", "nodev", "rprivate")
VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"})
"""What may be given as `key=value`."""

QUESTIONS = (
    "rw ro",
    "exec noexec",
    "suid nosuid",
    "dev nodev",
    "async sync",
    "atime noatime",
    "diratime nodiratime",
    "relatime norelatime",
    "strictatime nostrictatime",
    "mand nomand",
    "dirsync",
    "private rprivate shared rshared slave rslave unbindable runbindable",
)
"""Words that answer the same question: of several answers the last one counts."""
TOPICS = {word: question for question in QUESTIONS for word in question.split()}


def merge_options(given: Sequence[str]) -> list[str]:
    """Return the defaults with the given options over them; InvalidParameter in Docker's words for an unknown one.

    What loses against a later option is left out, the rest keeps its order. `defaults` says nothing.
    """
    kept: dict[str, str] = {}
    for option in reversed((*DEFAULTS, *given)):
        if option not in ("", "defaults"):
            kept.setdefault(_topic(option), option)
    return list(reversed(kept.values()))


def _topic(option: str) -> str:
    key, separator, _ = option.partition("=")
    if separator and key in VALUES:
        return key
    if option in TOPICS:
        return TOPICS[option]
    raise InvalidParameter(f'invalid tmpfs option "{key}"')
