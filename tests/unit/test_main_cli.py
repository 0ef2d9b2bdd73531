import re

import pytest

from wherry.base.version import VERSION
from wherry.main.cli import help_text, main
from wherry.main.options import OPTIONS


def test_help_lists_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert set(re.findall(r"^  (?:-\w, |    )--([\w-]+)", shown, re.MULTILINE)) == {option.flag for option in OPTIONS}


def test_help_says_defaults() -> None:
    assert re.search(r"--mtu int +.*\(default 1500\)", help_text())
    assert re.search(r"--iptables +.*\(default true\)", help_text())
    assert re.search(r"--debug +Log everything$", help_text(), re.MULTILINE)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-v"]) == 0
    assert VERSION in capsys.readouterr().out


def test_validate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--validate", "-D"]) == 0
    assert capsys.readouterr().out == "configuration OK\n"


def test_errors_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--validate", "--raw-logs"]) == 1
    assert capsys.readouterr().err == "--raw-logs is not supported by wherryd yet\nSee 'wherryd --help'.\n"
