"""The papers are in step with the code."""

import ast
import re
import subprocess
import tomllib

import pytest

from scripts.routes_table import updated
from tests.repo.source import ROOT, modules

FOREIGN = re.compile("|".join(["/wo" + r"rk/(?!dir)", "/opt/" + "wheels", "TO" + "DO", "FIX" + "ME", "XX" + "X"]))
TEXT = (".py", ".md", ".toml", ".service", ".socket", ".lock", "")
PAPERS = ("LICENSE", "README.md", "SCOPE.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")


def test_readme_lists_the_routes_of_now() -> None:
    text = (ROOT / "README.md").read_text()
    assert updated(text) == text, "run: .venv/bin/python scripts/routes_table.py"


def test_every_target_is_in_help() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    helped = set(re.findall(r"^  make ([a-z-]+) +\S", shown.stdout, re.MULTILINE))
    assert targets == helped
    assert phony is not None
    assert set(phony[1].split()) == targets


@pytest.mark.parametrize("paper", PAPERS)
def test_papers_are_there(paper: str) -> None:
    assert len((ROOT / paper).read_text()) > 200


def test_readme_names_only_targets_and_files_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for paper in PAPERS[1:]:
        text = (ROOT / paper).read_text()
        for target in re.findall(r"`?make ([a-z]+)(?=[` ]|$)", "\n".join(_code(text)), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{paper}: make {target}"
        for link in re.findall(r"\]\(([A-Za-z./]+)\)", text):
            assert (ROOT / link).exists(), f"{paper}: {link}"


def test_architecture_names_files_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    missing = [path for path in re.findall(r"`(wherry/[a-z_/]+\.py)`", text) if not (ROOT / path).exists()]
    assert missing == []


def test_every_room_is_described() -> None:
    rooms = [module for module in modules().values() if module.is_room]
    short = [room.file for room in rooms if len(ast.get_docstring(room.tree) or "") < 40]
    assert short == []


def test_text_names_no_foreign_place_and_no_unfinished_work() -> None:
    found = []
    for path in _tracked():
        text = path.read_text(errors="replace")
        lines = enumerate(text.splitlines(), 1)
        found += [f"{path.relative_to(ROOT)}:{number}" for number, line in lines if FOREIGN.search(line)]
    assert found == []


def test_lock_names_no_index_and_every_pin_has_a_hash() -> None:
    for name in ("requirements.lock", "requirements-run.lock"):
        text = (ROOT / name).read_text()
        options = re.findall(r"^-.*", text, re.MULTILINE)
        pins = re.findall(r"^[a-z0-9._-]+==\S+ \\\n    --hash=sha256:", text, re.MULTILINE | re.IGNORECASE)
        assert options == []
        assert "://" not in text
        assert len(pins) == len(_pins(name)) > 5


def test_locks_agree_and_hold_what_the_project_asks_for() -> None:
    full, run = _pins("requirements.lock"), _pins("requirements-run.lock")
    assert run.items() <= full.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {re.split(r"[<>=\[]", name)[0].lower() for name in wanted} <= full.keys()


def _pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def _code(text: str) -> list[str]:
    return re.findall(r"`[^`]+`|^make .*$", text, re.MULTILINE)


def _tracked() -> list:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    paths = [ROOT / line for line in done.stdout.splitlines()]
    return [path for path in paths if path.suffix in TEXT and path.is_file()]
