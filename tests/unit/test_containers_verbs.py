import pytest

from tests.unit.records import record
from wherry.base.errors import InvalidParameter, System
from wherry.containers.prune import read_filters
from wherry.containers.top import parse_ps
from wherry.model.container import ContainerConfig

LISTED = """\
UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 10:00 ?        00:00:01 /sbin/init with  blanks
root           7       1  0 10:00 ?        00:00:00 sleep 5
root           -       -  0 10:00 ?        00:00:00 thread of it
root           8       1  0 10:00 ?        00:00:00 other
"""


def test_rows_of_ps_by_pid() -> None:
    listed = parse_ps(LISTED, {"7"})
    assert listed["Titles"][-1] == "CMD"
    assert [row[-1] for row in listed["Processes"]] == ["sleep 5", "thread of it"]
    assert parse_ps(LISTED, {"1"})["Processes"][0][-1] == "/sbin/init with  blanks"


def test_ps_without_a_pid_column() -> None:
    with pytest.raises(System, match="Couldn't find PID field in ps output"):
        parse_ps("COMMAND\nsh\n", {"1"})


@pytest.mark.parametrize(
    ("filters", "accepted"),
    [
        ({}, True),
        ({"label": ["a"]}, True),
        ({"label": ["a=1", "b"]}, False),
        ({"label!": ["a=1"]}, False),
        ({"label!": ["a=2"]}, True),
        ({"until": ["1h"]}, False),
        ({"until": ["2000-01-01"]}, False),
        ({"until": ["0s"]}, True),
    ],
)
def test_filters_of_prune(filters: dict[str, list[str]], accepted: bool) -> None:
    now = 1_700_000_000_000_000_000
    rec = record(created=now - 60 * 10**9, config=ContainerConfig(image="x", labels={"a": "1"}))
    assert read_filters(filters, now)(rec) is accepted


@pytest.mark.parametrize("filters", [{"x": ["1"]}, {"until": ["1h", "2h"]}, {"until": ["soon"]}])
def test_bad_filters_of_prune(filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidParameter):
        read_filters(filters, 0)
