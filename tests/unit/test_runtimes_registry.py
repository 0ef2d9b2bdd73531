import os
import subprocess
from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter
from wherry.containerd.gen.messages import message
from wherry.containerd.gen.pool import Message
from wherry.runtimes.configured import DIRECT, DIRECT_TYPE, SHIM, Configured
from wherry.runtimes.registry import LEGACY, Host, Runtime, Runtimes
from wherry.runtimes.scripts import Scripts

KATA = "io.containerd.kata.v2"


@pytest.fixture
def runtimes(tmp_path: Path) -> Runtimes:
    return Runtimes(Host(no_pivot_root=True), Scripts(f"{tmp_path}/scripts"))


def options(runtime: Runtime) -> Message:
    assert runtime.options is not None
    return message(runtime.options.type_url).FromString(runtime.options.value)


@pytest.mark.parametrize("name", ["", "runc", SHIM])
def test_the_stock_runtime(runtimes: Runtimes, name: str) -> None:
    runtime = runtimes.choose(name)
    assert (runtime.name, runtime.shim, runtime.program) == (name or "runc", SHIM, "runc")
    found = options(runtime)
    assert (found.binary_name, found.root) == ("runc", "/run/wherry/runtime-runc")
    assert (found.systemd_cgroup, found.no_pivot_root) == (False, True)
    assert runtime.task_options == runtime.options


def test_another_shim_gets_no_options(runtimes: Runtimes) -> None:
    runtime = runtimes.choose(KATA)
    assert (runtime.shim, runtime.options, runtime.task_options, runtime.program) == (KATA, None, None, "")


@pytest.mark.parametrize("name", ["foo", "/bin/sh", "a/b.c", ".hidden", "io.wherry.crun-direct", "io.wherry.direct.v1"])
def test_names_refused_in_dockers_words(runtimes: Runtimes, name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        runtimes.choose(name)
    assert str(caught.value) == f"unknown or invalid runtime name: {name}"


def test_configured_ones(runtimes: Runtimes) -> None:
    entries = {
        "path": Configured(path="/opt/crun"),
        "typed": Configured(shim=KATA, options={"ConfigPath": "/etc/kata"}),
        SHIM: Configured(path="/opt/other"),
    }
    runtimes.configure(entries, "path")
    runtime = runtimes.choose("")
    assert (runtime.name, runtime.shim, options(runtime).binary_name) == ("path", SHIM, "/opt/crun")
    assert options(runtimes.choose(SHIM)).binary_name == "/opt/other", "the stock shim's name may be given anew"
    typed = runtimes.choose("typed")
    assert (typed.shim, options(typed).config_path, typed.task_options) == (KATA, "/etc/kata", None)
    assert list(runtimes.known) == ["runc", SHIM, *DIRECT, "path", "typed"]


def test_a_reload_replaces_all_at_once(runtimes: Runtimes) -> None:
    runtimes.configure({"a": Configured(path="/opt/a")}, "a")
    runtimes.configure({"b": Configured(path="/opt/b")}, "runc")
    assert (runtimes.default, list(runtimes.known)) == ("runc", ["runc", SHIM, *DIRECT, "b"])
    with pytest.raises(InvalidParameter, match="^unknown or invalid runtime name: a$"):
        runtimes.choose("a")


def test_a_missing_program(runtimes: Runtimes, tmp_path: Path) -> None:
    entries = {
        "there": Configured(path="sh"),
        "gone": Configured(path="no-such-program"),
        "spoken": Configured(path=f"{tmp_path}/gone", args=("a",)),
        "directory": Configured(path=str(tmp_path)),
    }
    runtimes.configure(entries, "runc")
    runtimes.choose("there").check_program()
    runtimes.choose(KATA).check_program()
    for name in ("gone", "spoken", "directory"):
        with pytest.raises(InvalidParameter) as caught:
            runtimes.choose(name).check_program()
        text = str(caught.value)
        assert text.startswith(f'error while looking up the specified runtime path: runtime "{name}" needs ')
        for words in ("not found", "no such file", "permission denied", "is a directory"):
            assert words not in text, "the docker CLI would take it for the user's command"


def test_names_on_the_path_of_another_containerd_are_its_own_affair(tmp_path: Path) -> None:
    runtimes = Runtimes(Host(same_path=False), Scripts(str(tmp_path)))
    runtimes.configure({"name": Configured(path="no-such-program"), "path": Configured(path="/no/such")}, "runc")
    runtimes.choose("name").check_program()
    with pytest.raises(InvalidParameter):
        runtimes.choose("path").check_program()


def test_the_first_shim(runtimes: Runtimes, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidParameter, match=r"is not supported while cgroups v2 \(unified hierarchy\) is being used"
    ):
        runtimes.choose(LEGACY)
    legacy = Runtimes(Host(unified=False), Scripts(str(tmp_path))).choose(LEGACY)
    found = options(legacy)
    assert (found.runtime, found.runtime_root) == ("runc", "/run/wherry/runtime-runc")
    assert (legacy.task_options, bool(legacy.warning)) == (None, True)


ARGS = ("--root", "a b", "it's", '"$HOME"', "`id`", "$(id)", "*", "", "\\", "new\nline", "--")


def test_arguments_arrive_as_they_were_written(runtimes: Runtimes, tmp_path: Path) -> None:
    """Weak place 33: blanks and signs of the shell, and no shell that stays as a parent."""
    program = tmp_path / "prints its arguments"
    program.write_text('#!/bin/sh\nprintf "%s\\0" "$PPID" "$@"\n')
    program.chmod(0o755)
    runtimes.configure({"../na\nme": Configured(path=str(program), args=ARGS)}, "runc")
    script = options(runtimes.choose("../na\nme")).binary_name
    child = subprocess.Popen([script, "create", "two words", "*"], stdout=subprocess.PIPE, text=True)
    parent, *arguments = child.communicate()[0].split("\0")[:-1]
    assert arguments == [*ARGS, "create", "two words", "*"]
    assert int(parent) == os.getpid(), "the script has become the program"


def test_weak_33_scripts_stay_while_they_are_used(runtimes: Runtimes, tmp_path: Path) -> None:
    def scripts() -> set[str]:
        return {str(path) for path in (tmp_path / "scripts").iterdir()}

    runtimes.sweep([])  # no directory yet: nothing to do
    runtimes.configure({name: Configured(path="runc", args=("--debug",)) for name in ("a", "b", "c")}, "runc")
    old = {name: runtimes.choose(name).command for name in ("a", "b", "c")}
    runtimes.configure({"a": Configured(path="runc", args=("--log", "x")), "b": Configured(path="crun")}, "runc")
    new = runtimes.choose("a").command
    assert scripts() == {*old.values(), new}, "a reload takes nothing away"
    assert Path(new).stat().st_mode & 0o777 == 0o700
    runtimes.sweep({"b", "runc"})
    assert scripts() == {old["b"], new}
    runtimes.sweep([])
    assert scripts() == {new}


def test_direct_ones(tmp_path: Path) -> None:
    runtimes = Runtimes(Host(exec_root="/x", systemd_cgroup=True), Scripts(f"{tmp_path}/scripts"))
    entries = {"mine": Configured(shim=DIRECT_TYPE, options={"binary": "/opt/crun", "root": "/var/mine"})}
    runtimes.configure(entries, "mine")
    stock, mine = runtimes.choose("crun-direct"), runtimes.choose("")
    assert (stock.program, stock.direct_root, stock.flags) == ("crun", "/x/direct/crun-direct", ("--systemd-cgroup",))
    assert (mine.name, mine.program, mine.direct_root) == ("mine", "/opt/crun", "/var/mine")
    assert [runtimes.is_direct(name) for name in ("", "runc-direct", "runc", SHIM, "unknown")] == [
        True,
        True,
        False,
        False,
        False,
    ]
