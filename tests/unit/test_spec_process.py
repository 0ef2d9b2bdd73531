import copy

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.spec_facts import container, engine, facts
from wherry.model.container import ExecRequest, Ulimit
from wherry.spec.facts import UserIds
from wherry.spec.process import PATH, build_exec_process, build_process, merge_env

ALL = engine().capabilities
KEY = st.sampled_from(["PATH", "HOSTNAME", "A", "B", "TERM"])
ENTRY = st.one_of(KEY, st.builds("{}={}".format, KEY, st.text(alphabet="ab=", max_size=3)))


@given(st.lists(ENTRY))
def test_env_is_a_mapping_where_the_last_word_counts(overrides: list[str]) -> None:
    model = {"PATH": "/bin", "HOSTNAME": "boat"}
    for entry in overrides:
        key, found, value = entry.partition("=")
        if found:
            model[key] = value
        else:
            model.pop(key, None)
    assert merge_env(["PATH=/bin", "HOSTNAME=boat"], overrides) == [f"{key}={value}" for key, value in model.items()]


@given(st.lists(ENTRY), st.lists(ENTRY))
def test_env_merges_in_one_step_or_two(first: list[str], second: list[str]) -> None:
    assert merge_env(merge_env([PATH], first), second) == merge_env([PATH], [*first, *second])


def test_env_keeps_places() -> None:
    assert merge_env(["A=1", "B=2", "C=3"], ["B=9", "D=4", "A"]) == ["B=9", "C=3", "D=4"]


def test_ulimits_of_the_daemon_fill_in() -> None:
    defaults = (Ulimit(name="nofile", soft=1, hard=2), Ulimit(name="core", soft=0, hard=0))
    rec = container(ulimits=[Ulimit(name="nofile", soft=5, hard=6)])
    assert build_process(rec, facts(engine=engine(default_ulimits=defaults)))["rlimits"] == [
        {"type": "RLIMIT_NOFILE", "hard": 6, "soft": 5},
        {"type": "RLIMIT_CORE", "hard": 0, "soft": 0},
    ]


def test_no_new_privileges_of_the_daemon_can_be_undone() -> None:
    strict = facts(engine=engine(no_new_privileges=True))
    assert build_process(container(), strict)["noNewPrivileges"]
    assert "noNewPrivileges" not in build_process(container(security_opt=["no-new-privileges=false"]), strict)


def test_exec_resembles_the_container() -> None:
    rec = container({"env": ["A=1", "HOSTNAME=x"], "working_dir": "/w", "tty": True}, cap_drop=["ALL"], oom_score_adj=7)
    own = build_process(rec, facts())
    process = build_exec_process(own, ExecRequest(cmd=["ls", "-l"], env=["A=2", "B=3"]), UserIds(), ALL)
    assert process["args"] == ["ls", "-l"]
    assert process["cwd"] == "/w"
    assert process["env"] == [PATH, "HOSTNAME=x", "A=2", "B=3"]
    assert process["capabilities"] == {"bounding": [], "effective": [], "permitted": []}
    assert process["terminal"] is False
    assert process["oomScoreAdj"] == 7


def test_exec_with_everything() -> None:
    request = ExecRequest(cmd=["sh"], tty=True, privileged=True, working_dir="/tmp", console_size=[30, 90])
    own = build_process(container(security_opt=["no-new-privileges"]), facts())
    process = build_exec_process(own, request, UserIds(5, 6, (6,)), ALL)
    assert process["consoleSize"] == {"height": 30, "width": 90}
    assert process["env"][-1] == "TERM=xterm"
    assert process["capabilities"]["bounding"] == list(ALL)
    assert process["user"] == {"uid": 5, "gid": 6, "additionalGids": [6]}
    assert process["cwd"] == "/tmp"
    assert process["noNewPrivileges"]


def test_exec_leaves_the_template_as_it_was() -> None:
    own = build_process(container({"tty": True}, console_size=[1, 2]), facts())
    before = copy.deepcopy(own)
    process = build_exec_process(own, ExecRequest(cmd=["ls"], env=["PATH"], privileged=True), UserIds(1, 1, (1,)), ALL)
    assert own == before
    assert "consoleSize" not in process


def test_exec_keeps_the_users_own_term() -> None:
    own = build_process(container({"env": ["TERM=vt100"], "tty": True}), facts())
    for tty in (True, False):
        assert "TERM=vt100" in build_exec_process(own, ExecRequest(cmd=["ls"], tty=tty), UserIds(), ALL)["env"]


def test_exec_never_gets_the_init() -> None:
    own = build_process(container(init=True), facts())
    assert build_exec_process(own, ExecRequest(cmd=["ls"]), UserIds(), ALL)["args"] == ["ls"]
