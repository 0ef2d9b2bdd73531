"""What the repository tests know of the source: the modules of the package, parsed, and what each one imports."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "wherry"


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """`containers` of wherry.containers.start; empty for the package itself."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""

    @property
    def is_room(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def file(self) -> str:
        return str(self.path.relative_to(PACKAGE))


@cache
def modules() -> dict[str, Module]:
    """Return every module of the package by dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path, ast.parse(path.read_text(), str(path)))
    return found


def imported(module: Module) -> set[str]:
    """Return every imported module, also those inside functions and under TYPE_CHECKING.

    `from wherry.host import files` counts as wherry.host.files.
    """
    names: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                names.add(deeper if deeper in modules() else base)
    return names


def reached(start: str) -> set[str]:
    """Return the modules of ours that importing `start` brings along, itself included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in modules():
            seen.add(name)
            waiting.extend(imported(modules()[name]))
    return seen
