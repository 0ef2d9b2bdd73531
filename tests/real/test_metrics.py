"""Metrics on --metrics-addr: scraped from inside the box while containers live and die."""

import resource

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.unit.test_base_metrics import DOCKERS, OURS, sample, types
from wherry.base.metrics import BUILD_FAILURES

ADDRESS = "127.0.0.1:9323"


def scrape(engine: Engine) -> str:
    code = f"import urllib.request as u; print(u.urlopen('http://{ADDRESS}/metrics', timeout=10).read().decode())"
    return engine.box.output("python3", "-c", code)


def test_metrics_follow_a_life(own: Engine) -> None:
    own.start("--metrics-addr", ADDRESS)
    own.load_demo(IMAGE)
    fresh = scrape(own)
    assert (DOCKERS | OURS).items() <= types(fresh).items()
    check = ("--health-cmd", "true", "--health-interval", "100ms")
    for reason in BUILD_FAILURES:
        assert sample(fresh, f'builder_builds_failed_total{{reason="{reason}"}}') == 0
    ident = own.ok("run", "-d", "--network", "none", *check, IMAGE, "sleep", "1000")
    with own.popen("events", "--since", "1", "--filter", "event=health_status", "--format", "{{.Action}}") as events:
        assert events.stdout is not None
        assert events.stdout.readline() == b"health_status: healthy\n"
        text = scrape(own)
        events.kill()
    assert sample(text, 'engine_daemon_container_states_containers{state="running"}') == 1
    assert sample(text, 'engine_daemon_container_actions_seconds_count{action="start"}') == 1
    assert sample(text, 'engine_daemon_container_actions_seconds_count{action="create"}') == 1
    assert sample(text, 'wherry_start_step_seconds_count{step="task"}') == 1
    assert sample(text, "engine_daemon_health_checks_total") >= 1
    assert sample(text, "engine_daemon_health_check_start_duration_seconds_count") >= 1
    assert sample(text, "engine_daemon_events_subscribers_total") == 1
    assert sample(text, "engine_daemon_events_total") >= 5
    own.ok("pause", ident)
    assert sample(scrape(own), 'engine_daemon_container_states_containers{state="paused"}') == 1
    own.ok("rm", "-f", ident)
    text = scrape(own)
    assert sample(text, 'engine_daemon_container_states_containers{state="stopped"}') == 0
    assert sample(text, 'engine_daemon_container_actions_seconds_count{action="delete"}') == 1
    assert 'graphdriver="overlayfs"' in text


def test_what_a_log_could_not_take_is_counted(own: Engine) -> None:
    """Entries that were cut or had no end, and records that did not fit on the disk (images.md 26)."""
    own.start("--metrics-addr", ADDRESS)
    own.load_demo(IMAGE)
    script = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo short; printf unended"
    own.ok("run", "--network", "none", IMAGE, "sh", "-c", script)
    text = scrape(own)
    assert sample(text, "logger_log_entries_size_greater_than_buffer_total") == 2
    assert sample(text, "logger_log_write_operations_failed_total") == 0
    assert sample(text, "logger_log_read_operations_failed_total") == 0
    waiting = "trap 'go=1' USR1; until [ \"$go\" ]; do sleep 0.05; done; echo one; echo two"
    ident = own.ok("run", "-d", "--network", "none", IMAGE, "sh", "-c", waiting)
    (keeper,) = own.keepers()
    resource.prlimit(keeper, resource.RLIMIT_FSIZE, (0, 0))
    own.ok("kill", "-s", "USR1", ident)  # no exec: on the direct tier what it runs has the keeper's limit
    own.ok("wait", ident)
    assert sample(scrape(own), "logger_log_write_operations_failed_total") == 2
    own.wait_log("File too large; 2 records were dropped so far")
