"""The table of routes and its search (api-containers.md 1.2).

A template is a path with names in braces: `{id}` matches one segment, `{name:.*}` slashes too, as Docker's do.
"""

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

from wherry.api.call import Call, Version
from wherry.api.readiness import Need
from wherry.api.reply import Answer

Handler = Callable[[Call], Awaitable[Answer]]

WORKS = "works"
_NAME = re.compile(r"\{(\w+)(:\.\*)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `polls` marks a call that may last for ever and ends with its client.

    `lenient` is one that takes what it can of a broken query; the others refuse it.
    """

    method: str
    template: str
    call: Handler
    since: str = "1.24"
    polls: bool = False
    lenient: bool = False
    status: str = WORKS
    """`works`, or the status that an absent feature answers."""
    need: Need = Need.STATE
    """How far a boot must be before it is called."""

    def parts(self) -> tuple[re.Pattern[str], Version]:
        """Return the template as a pattern and the version as a pair."""
        major, minor = self.since.split(".")
        return _pattern(self.template), (int(major), int(minor))


def get(
    template: str,
    call: Handler,
    since: str = "1.24",
    polls: bool = False,
    lenient: bool = False,
    need: Need = Need.STATE,
) -> Route:
    """Declare a GET route."""
    return Route("GET", template, call, since, polls, lenient, need=need)


def head(template: str, call: Handler, since: str = "1.24", lenient: bool = False, need: Need = Need.STATE) -> Route:
    """Declare a HEAD route."""
    return Route("HEAD", template, call, since, lenient=lenient, need=need)


def post(template: str, call: Handler, since: str = "1.24", polls: bool = False) -> Route:
    """Declare a POST route."""
    return Route("POST", template, call, since, polls)


def delete(template: str, call: Handler, since: str = "1.24") -> Route:
    """Declare a DELETE route."""
    return Route("DELETE", template, call, since)


@dataclass(frozen=True, slots=True)
class Entry:
    """A route made ready for the search."""

    route: Route
    pattern: re.Pattern[str]
    since: Version


class Router:
    """Finds the route of a method and a decoded path without version."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Index the routes; two for one method and template are a ValueError. The first that matches wins."""
        self._plain: dict[tuple[str, str], Entry] = {}
        self._patterns: dict[tuple[str, str], list[Entry]] = {}
        seen: set[tuple[str, str]] = set()
        for route in routes:
            key = (route.method, route.template)
            if key in seen:
                raise ValueError(f"two routes for {route.method} {route.template}")
            seen.add(key)
            self._add(route)

    def find(self, method: str, path: str) -> tuple[Entry, dict[str, str]] | None:
        """Return the route and the names in the path, None when there is no such endpoint."""
        entry = self._plain.get((method, path))
        if entry is not None:
            return entry, {}
        for entry in self._patterns.get((method, _first(path)), ()):
            match = entry.pattern.fullmatch(path)
            if match is not None:
                return entry, match.groupdict()
        return None

    def _add(self, route: Route) -> None:
        entry = Entry(route, *route.parts())
        if "{" in route.template:
            self._patterns.setdefault((route.method, _first(route.template)), []).append(entry)
        else:
            self._plain[route.method, route.template] = entry


def load_routes(package: ModuleType) -> list[Route]:
    """Return ROUTES of every module of a package: those that work before those that are absent."""
    found = [route for module in _modules(package) for route in module.ROUTES]
    return sorted(found, key=lambda route: route.status != WORKS)


def table(routes: Iterable[Route]) -> list[tuple[str, str, str]]:
    """Return (method, template, status) of the routes, sorted by template."""
    rows = [(route.method, _NAME.sub(r"{\1}", route.template), route.status) for route in routes]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}")


def _first(path: str) -> str:
    return path.split("/", 2)[1]


def _pattern(template: str) -> re.Pattern[str]:
    parts = _NAME.split(template)
    pattern = re.escape(parts[0])
    for name, slashes, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+' if slashes else '[^/]+'})" + re.escape(rest)
    return re.compile(pattern, re.DOTALL)
