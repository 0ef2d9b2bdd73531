import threading
from pathlib import Path

import pytest

from wherry.host.moves import Moves, move_here, own_cgroup


class Mover:
    """Counts moves; `moved` is set by the first, a `refused` one is the last."""

    def __init__(self, refused: bool = False) -> None:
        self.moves = 0
        self.moved = threading.Event()
        self._refused = refused

    def __call__(self, path: str) -> None:
        assert path == "/cg"
        self.moves += 1
        self.moved.set()
        if self._refused:
            raise PermissionError(1, "Operation not permitted")


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "moves"]


def end() -> None:
    """Wait until no thread of moves is left."""
    for thread in threads():
        thread.join(10)
    assert not threads()


def test_while_a_start_is_near_the_lock_is_kept_ready() -> None:
    mover = Mover()
    moves = Moves("/cg", mover)
    for _ in range(2):
        mover.moved.clear()
        with moves.near(), moves.near():
            assert mover.moved.wait(10)
            assert len(threads()) == 1
            mover.moved.clear()
            assert mover.moved.wait(10)
        end()


def test_after_a_creation_the_lock_is_ready_for_a_moment() -> None:
    mover = Mover()
    moves = Moves("/cg", mover)
    moves.soon()
    assert mover.moved.wait(10)
    with moves.near():
        moves.soon()
        assert len(threads()) == 1
    end()
    moves.soon()
    end()


def test_nothing_is_moved_for_many_nor_without_a_cgroup() -> None:
    mover = Mover()
    with Moves("", mover).near():
        assert not threads()
    many = Moves("/cg", mover, few=0)
    with many.near(), many.near():
        assert len(threads()) == 1
    end()
    assert mover.moves == 0


def test_a_start_that_does_not_come_to_its_end_is_given_up() -> None:
    mover = Mover()
    moves = Moves("/cg", mover, seconds=0)
    with moves.near():
        end()
    assert mover.moves == 0


def test_a_kernel_that_refuses_is_asked_once() -> None:
    mover = Mover(refused=True)
    moves = Moves("/cg", mover)
    for _ in range(2):
        with moves.near():
            end()
    assert mover.moves == 1


@pytest.mark.parametrize(
    ("listed", "there", "found"),
    [
        ("4:pids:/a\n0::/b\n", "pids/a", "pids/a/cgroup.procs"),
        ("9:name=systemd:/s\n4:pids:/a\n", "systemd/s", "systemd/s/cgroup.procs"),
        ("0::/b:c\n", "b:c", "b:c/cgroup.procs"),
        ("0::/\n", ".", "cgroup.procs"),
        ("0::/gone\n", ".", ""),
    ],
)
def test_the_own_cgroup_of_a_hierarchy_that_can_be_written(tmp_path: Path, listed: str, there: str, found: str) -> None:
    (tmp_path / "list").write_text(listed)
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    (tmp_path / there / "cgroup.procs").touch()
    path = own_cgroup(str(tmp_path), str(tmp_path / "list"))
    assert path == (str(tmp_path / found) if found else "")
    if path:
        move_here(path)
        assert Path(path).read_text().isdigit()
