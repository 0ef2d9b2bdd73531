"""Users and groups of a container by the text of its own /etc/passwd and /etc/group.

The rules are Docker's (start.md 5.3): a name or a number, `user[:group]`; a number needs no entry. Lines whose
numbers do not read as numbers are passed over, so that no damaged entry means root.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from wherry.base.errors import InvalidParameter
from wherry.spec.facts import UserIds

MAX_ID = (1 << 31) - 1
"""Docker takes no ids above; the kernel would take one bit more."""
ROOT = "0"


class Passwd(NamedTuple):
    """One user; see passwd(5)."""

    name: str
    uid: int
    gid: int


class Group(NamedTuple):
    """One group; see group(5)."""

    name: str
    gid: int
    members: tuple[str, ...]


T = TypeVar("T", Passwd, Group)


def resolve_user(user: str, passwd: str, group: str, group_add: Sequence[str]) -> UserIds:
    """Return the ids for `Config.User` and `HostConfig.GroupAdd`.

    The primary group comes first in additional_gids, then the user's other groups (only if the user named no group),
    then those added. InvalidParameter in Docker's words: no such user or group, number out of range.
    """
    wanted, _, wanted_group = user.partition(":")
    wanted_group = wanted_group.partition(":")[0]
    groups = list(_groups(group))
    entry = _find(_users(passwd), wanted, lambda user: user.uid)
    uid = entry.uid if entry else _numeric("user", wanted or ROOT, "passwd")
    gid = entry.gid if entry else 0
    member_of: list[int] = []
    if wanted_group:
        gid = _gid(wanted_group, groups)
    elif entry:
        member_of = [other.gid for other in groups if entry.name in other.members]
    added = dict.fromkeys(_gid(name, groups) for name in group_add if name)
    return UserIds(_in_range(uid), _in_range(gid), (gid, *member_of, *added))


def _gid(name: str, groups: Iterable[Group]) -> int:
    entry = _find(groups, name, lambda group: group.gid)
    return _in_range(entry.gid if entry else _numeric("group", name, "group"))


def _find(entries: Iterable[T], wanted: str, number: Callable[[T], int]) -> T | None:
    """Return the first entry with that name or number, in the order of the file; without either that of number 0."""
    wanted_number = _number(wanted or ROOT)
    return next((entry for entry in entries if entry.name == wanted or number(entry) == wanted_number), None)


def _numeric(kind: str, text: str, database: str) -> int:
    number = _number(text)
    if number is None:
        raise InvalidParameter(f"unable to find {kind} {text}: no matching entries in {database} file")
    return _in_range(number)


def _in_range(number: int) -> int:
    if not 0 <= number <= MAX_ID:
        raise InvalidParameter(f"uids and gids must be in range 0-{MAX_ID}")
    return number


def _number(text: str) -> int | None:
    """Return a decimal number with an optional sign, in ASCII digits as C reads them; None for anything else."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if len(digits) <= 20 and digits.isascii() and digits.isdecimal() else None


def _users(text: str) -> Iterator[Passwd]:
    for fields in _lines(text, 4):
        uid, gid = _number(fields[2]), _number(fields[3])
        if fields[0] and uid is not None and gid is not None:
            yield Passwd(fields[0], uid, gid)


def _groups(text: str) -> Iterator[Group]:
    for fields in _lines(text, 4):
        gid = _number(fields[2])
        if fields[0] and gid is not None:
            yield Group(fields[0], gid, tuple(fields[3].split(",")))


def _lines(text: str, least: int) -> Iterator[list[str]]:
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) >= least:
            yield fields
