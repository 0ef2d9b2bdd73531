"""What is asked of the programs beside us."""

import os
from pathlib import Path

import pytest

from wherry.main.programs import mount_options


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ('{"mountOptions": ["ro", "rro"]}', {"ro", "rro"}),
        ('{"mountOptions": null}', set()),
        ("[]", set()),
        ("no such command", set()),
    ],
)
def test_mount_options_of_a_runtime(
    said: str, options: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "carriage"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert mount_options("carriage") == options


def test_a_runtime_that_is_not_there_has_none() -> None:
    assert mount_options("/nosuch/carriage") == frozenset()
