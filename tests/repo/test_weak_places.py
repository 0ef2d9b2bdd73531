"""docs/weak-places.md has a row for every number, and the tests that it names exist."""

import ast
import re

from tests.repo.source import ROOT

COUNT = 47


def rows() -> dict[int, str]:
    """Return the last column by number."""
    text = (ROOT / "docs" / "weak-places.md").read_text()
    found = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    assert len({number for number, _ in found}) == len(found)
    return {int(number): tests for number, tests in found}


def names() -> set[str]:
    """Return every test by the name that pytest knows it by."""
    found: set[str] = set()
    for path in ROOT.glob("tests/*/test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_every_number_has_a_row() -> None:
    assert sorted(rows()) == list(range(1, COUNT + 1))


def test_every_row_names_tests_of_its_number_that_exist() -> None:
    known = names()
    for number, text in rows().items():
        named = re.findall(r"`(\w+)`", text)
        assert named, f"{number}: {text}"
        for name in named:
            assert name.startswith(f"test_weak_{number:02}_"), name
            assert name in known, name
