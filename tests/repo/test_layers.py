"""Arrows point down: which room may import which, which rooms are pure, and no ring of modules anywhere."""

import ast
import sys

import pytest

from tests.repo.source import Module, imported, modules, reached

FLOORS = {
    "": 7,
    "main": 6,
    "api": 5,
    "containers": 4,
    **dict.fromkeys(("images", "names", "network", "volumes", "streams", "spec", "runtimes"), 3),
    **dict.fromkeys(("state", "containerd", "host"), 2),
    "model": 1,
    "base": 0,
}
PURE = ("spec", "model")
EFFECTS = {
    "os",
    "io",
    "time",
    "socket",
    "select",
    "subprocess",
    "shutil",
    "pathlib",
    "tempfile",
    "ctypes",
    "signal",
} | {
    "asyncio",
    "random",
    "secrets",
    "threading",
    "logging",
}
WARM = ("wherry.main.zygote", "wherry.streams.keeper")
"""What runs in processes that are forked: the standard library alone."""


def test_every_room_has_a_floor() -> None:
    assert {module.room for module in modules().values()} <= FLOORS.keys()


def test_imports_point_down() -> None:
    assert [text for module in modules().values() for text in _upward(module)] == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_have_no_effects(room: str) -> None:
    wrong = []
    for module in modules().values():
        if module.room == room:
            wrong += [f"{module.file}: imports {name}" for name in imported(module) if name.split(".")[0] in EFFECTS]
            wrong += [f"{module.file}:{line}: calls open" for line in _opens(module)]
    assert wrong == []


def test_no_rings() -> None:
    graph = {name: imported(module) & modules().keys() - {name} for name, module in modules().items()}
    assert rings(graph) == []


@pytest.mark.parametrize("name", [name for name in WARM if name in modules()])
def test_forked_programs_use_the_standard_library_alone(name: str) -> None:
    foreign = {
        f"{ours}: {other}"
        for ours in reached(name)
        for other in imported(modules()[ours])
        if other.split(".")[0] not in sys.stdlib_module_names | {"wherry"}
    }
    assert foreign == set()


def test_the_resolver_needs_the_standard_library_and_dnspython() -> None:
    others = {other.split(".")[0] for ours in reached("wherry.names.__main__") for other in imported(modules()[ours])}
    assert others - sys.stdlib_module_names == {"wherry", "dns"}


def test_rings_are_found() -> None:
    assert rings({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert rings({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def rings(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that reach each other, sorted."""
    closure = {name: _closure(graph, name) for name in graph}
    found = {tuple(sorted(b for b in closure[a] if a in closure.get(b, ()))) for a in graph if a in closure[a]}
    return [list(ring) for ring in sorted(found)]


def _closure(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph.get(name, ()))
    return seen


def _upward(module: Module) -> list[str]:
    texts = []
    for name in imported(module):
        if name.split(".")[0] != "wherry" or name == "wherry":
            continue
        room = name.split(".")[1]
        if room != module.room and FLOORS.get(room, 9) >= FLOORS[module.room]:
            texts.append(f"{module.file} imports {name}: {room} is not below {module.room}")
    return texts


def _opens(module: Module) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
