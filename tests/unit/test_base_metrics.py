"""The metrics: names and labels of dockerd 28.5 as it showed them, ours, and the listener."""

import asyncio
import re

import aiohttp
import pytest

from wherry.api.metrics import MetricsServer
from wherry.base.errors import InvalidParameter, System
from wherry.base.metrics import INFO, Metrics, Moment

DOCKERS = {
    "builder_builds_failed_total": "counter",
    "builder_builds_triggered_total": "counter",
    "engine_daemon_container_actions_seconds": "histogram",
    "engine_daemon_container_states_containers": "gauge",
    "engine_daemon_engine_cpus_cpus": "gauge",
    "engine_daemon_engine_info": "gauge",
    "engine_daemon_engine_memory_bytes": "gauge",
    "engine_daemon_events_subscribers_total": "gauge",
    "engine_daemon_events_total": "counter",
    "engine_daemon_health_check_start_duration_seconds": "histogram",
    "engine_daemon_health_checks_failed_total": "counter",
    "engine_daemon_health_checks_total": "counter",
    "engine_daemon_host_info_functions_seconds": "histogram",
    "engine_daemon_image_actions_seconds": "histogram",
    "engine_daemon_network_actions_seconds": "histogram",
    "logger_log_entries_size_greater_than_buffer_total": "counter",
    "logger_log_read_operations_failed_total": "counter",
    "logger_log_write_operations_failed_total": "counter",
    "process_cpu_seconds_total": "counter",
    "process_open_fds": "gauge",
    "process_resident_memory_bytes": "gauge",
}
"""Of dockerd 28.5.2, without those of swarm and the Go runtime."""
OURS = {
    "wherry_start_step_seconds": "histogram",
    "wherry_leftover_mounts_total": "counter",
    "wherry_owed_releases": "gauge",
}


def types(text: str) -> dict[str, str]:
    return dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))


def sample(text: str, name: str) -> float:
    """The value of one line, named with its labels."""
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]


def whole() -> Metrics:
    metrics = Metrics()
    metrics.describe(dict.fromkeys(INFO, "x"), 2, 1 << 30)
    return metrics


def test_names_and_types_are_dockers() -> None:
    shown = types(whole().render().decode())
    assert {name: kind for name, kind in shown.items() if name in DOCKERS | OURS} == DOCKERS | OURS
    assert not [name for name in shown if name.endswith("_created")]


def test_what_docker_shows_from_the_start() -> None:
    text = whole().render().decode()
    for action in ("changes", "commit", "create", "delete", "start"):
        assert sample(text, f'engine_daemon_container_actions_seconds_count{{action="{action}"}}') == 0
    assert 'le="0.005"} 0' in text
    assert sample(text, "engine_daemon_engine_cpus_cpus") == 2


def test_a_start_and_a_moment() -> None:
    metrics = whole()
    metrics.started({"rootfs": 1500}, 70000)
    metrics.take(Moment(states={"running": 2, "stopped": 1}, owed=3, events=4, readers=5, leftover_mounts=6))
    text = metrics.render().decode()
    assert sample(text, 'engine_daemon_container_actions_seconds_sum{action="start"}') == 0.07
    assert sample(text, 'wherry_start_step_seconds_sum{step="rootfs"}') == 0.0015
    states = 'engine_daemon_container_states_containers{state="%s"}'
    assert [sample(text, states % state) for state in ("running", "paused")] == [2, 0]
    assert sample(text, "wherry_owed_releases") == 3
    assert sample(text, "engine_daemon_events_total") == 4
    assert sample(text, "engine_daemon_events_subscribers_total") == 5
    assert sample(text, "wherry_leftover_mounts_total") == 6


def test_what_fails_is_not_observed() -> None:
    metrics = whole()

    def broken() -> None:
        with metrics.timed(metrics.container_actions, "create"):
            raise System("x")

    with pytest.raises(System):
        broken()
    assert sample(metrics.render().decode(), 'engine_daemon_container_actions_seconds_count{action="create"}') == 0


async def test_the_listener() -> None:
    server = MetricsServer(whole(), lambda: Moment(events=7))
    address = await server.start("127.0.0.1:0")
    try:
        async with aiohttp.ClientSession() as client:
            answers = await asyncio.gather(*(client.get(f"http://{address}/metrics") for _ in range(3)))
            assert [answer.status for answer in answers] == [200] * 3
            assert answers[0].headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert sample(await answers[0].text(), "engine_daemon_events_total") == 7
            missing = await client.get(f"http://{address}/x")
            assert (missing.status, await missing.text()) == (404, "404 page not found\n")
        with pytest.raises(System, match="failed to start metrics server: listen tcp"):
            await MetricsServer(whole(), Moment).start(address)
    finally:
        await server.stop()


@pytest.mark.parametrize("address", ["9323", "host:", "host:x"])
async def test_a_bad_address(address: str) -> None:
    with pytest.raises(InvalidParameter, match="give HOST:PORT"):
        await MetricsServer(whole(), Moment).start(address)
