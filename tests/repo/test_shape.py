"""Small pieces: limits on files and functions, no state in modules, no code in rooms' __init__."""

import ast
import re
import warnings

from tests.repo.source import Module, modules

FILE_SOFT, FILE_HARD = 300, 500
FUNCTION_HARD = 60

LONG_FILES: dict[str, str] = {}
"""File to a dated reason why it may pass FILE_HARD."""
LONG_FUNCTIONS = {
    "main/wire.py:wire": "2026-11-25: the list of every object of the engine, in order; cut up it would be no map",
}
"""`file:function` to a dated reason why it may pass FUNCTION_HARD."""
MODULE_STATE = {
    "base/offload.py:_pool": "2026-11-24: one pool of threads per process is what the module is",
}
"""`file:name` to a dated reason."""

CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*|__all__")
HANDLES = ("logging.getLogger(", "ctypes.CDLL(", "msgspec.json.", "TypeVar(", "ParamSpec(")
"""What a lower-case name may be bound to: handles that never change."""
TYPE_NAME = re.compile(r"_?[A-Z][A-Za-z0-9]*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_files_are_short() -> None:
    sizes = {module.file: len(module.path.read_text().splitlines()) for module in modules().values()}
    for file, size in sizes.items():
        if size > FILE_SOFT:
            warnings.warn(f"{file} has {size} lines, more than {FILE_SOFT}", stacklevel=1)
    assert {file: size for file, size in sizes.items() if size > FILE_HARD and file not in LONG_FILES} == {}


def test_functions_are_short() -> None:
    sizes = {f"{module.file}:{node.name}": _size(node) for module in modules().values() for node in _functions(module)}
    assert {name: size for name, size in sizes.items() if size > FUNCTION_HARD and name not in LONG_FUNCTIONS} == {}


def test_modules_hold_no_state() -> None:
    found = {f"{module.file}:{name}" for module in modules().values() for name in _state(module)}
    assert found - MODULE_STATE.keys() == set()


def test_rooms_are_a_docstring() -> None:
    rooms = [module for module in modules().values() if module.is_room]
    assert [room.file for room in rooms if len(room.tree.body) != 1 or ast.get_docstring(room.tree) is None] == []


def test_lifted_limits_are_still_needed() -> None:
    known = {f"{module.file}:{name}" for module in modules().values() for name in _state(module)}
    assert MODULE_STATE.keys() <= known
    lifted = [*LONG_FILES.values(), *LONG_FUNCTIONS.values(), *MODULE_STATE.values()]
    assert [reason for reason in lifted if not re.match(r"\d{4}-\d\d-\d\d: .{10}", reason)] == []


def _functions(module: Module) -> list[Function]:
    return [node for node in ast.walk(module.tree) if isinstance(node, Function)]


def _size(node: Function) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) is not None and first.end_lineno else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def _state(module: Module) -> list[str]:
    """Names at module level that are neither constants, types nor loggers, empty containers, and `global`."""
    found = [name for node in ast.walk(module.tree) if isinstance(node, ast.Global) for name in node.names]
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        found += [name for name in names if not _allowed(name, value)]
    return found


def _allowed(name: str, value: ast.expr) -> bool:
    if _is_empty(value):
        return False
    if CONSTANT.fullmatch(name) or TYPE_NAME.fullmatch(name):
        return True
    return ast.unparse(value).startswith(HANDLES)


def _is_empty(value: ast.expr) -> bool:
    """An empty container at module level waits to be filled."""
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    return isinstance(value, ast.Call) and ast.unparse(value) in ("set()", "dict()", "list()")
