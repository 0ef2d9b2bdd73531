"""Differences that are known and meant. An entry that no longer matches anything fails the suite."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Known:
    """Cases and places by pattern (`*` matches everything, dots too), and why they differ."""

    case: str
    place: str
    reason: str

    def covers(self, case: str, place: str) -> bool:
        return fnmatchcase(case, self.case) and fnmatchcase(place, self.place)


KNOWN: tuple[Known, ...] = ()
