import time

from wherry.host.programs import program_output, run_program


def test_program_output() -> None:
    assert program_output("echo", "a", "b") == "a b\n"
    assert program_output("sh", "-c", "echo out; echo err >&2") == "out\nerr\n"
    assert program_output("false") == ""
    assert program_output("no-such-program") == ""


def test_a_slow_program_is_killed() -> None:
    begun = time.monotonic()
    assert program_output("sleep", "60", seconds=0.05) == ""
    assert time.monotonic() - begun < 10


def test_a_program_is_given_text_and_tells_its_code() -> None:
    assert run_program("/bin/sh", "-c", "cat; exit 4", stdin=b"said") == (4, "said")
    assert run_program("/bin/sh", "-c", "cat") == (0, "")
    assert run_program("/no/program")[0] == 127
