"""What the engine counts and times, under Docker's names (start.md 8.3, images.md 26) and ours.

One object per engine, never a global one. Observing costs a microsecond; what can be counted when somebody asks is
counted then (`Gauges`), so that the ways of a container pay nothing for it.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

MICROSECONDS = 1_000_000
CONTAINER_ACTIONS = ("changes", "commit", "create", "delete", "start")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Docker's, which are the Go client's."""
STEP_BUCKETS = (0.001, 0.0025, *BUCKETS)
HOST_FUNCTIONS = ("operating_system", "os_version", "system_info")
"""Shown from the start; of the first two Docker asks anew each time, and this engine once, at boot."""
BUILD_FAILURES = (
    "build_canceled", "build_target_not_reachable_error", "command_not_supported_error", "dockerfile_empty_error",
    "dockerfile_syntax_error", "error_processing_commands_error", "missing_onbuild_arguments_error",
    "unknown_instruction_error",
)  # fmt: skip
STATES = ("running", "paused", "stopped")
INFO = (
    "version", "commit", "architecture", "graphdriver", "kernel", "os", "os_type", "os_version", "daemon_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """What is counted when somebody asks."""

    states: Mapping[str, int] = field(default_factory=dict)
    """Containers by STATES."""
    owed: int = 0
    """Releases that failed and are still due, of all containers."""
    events: int = 0
    readers: int = 0
    leftover_mounts: int = 0


class _Counted(Collector):
    """A counter whose value is kept elsewhere."""

    def __init__(self, name: str, about: str) -> None:
        self._name, self._about = name, about
        self.value = 0

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._about, value=self.value)


class Metrics:
    """Every instrument of the engine."""

    def __init__(self) -> None:
        """Make the instruments; those that Docker shows from the start have a zero."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self.container_actions = self._histogram(
            "engine_daemon_container_actions",
            "The number of seconds it takes to process each container action",
            "action",
        )
        for action in CONTAINER_ACTIONS:
            self.container_actions.labels(action)
        self.network_actions = self._histogram(
            "engine_daemon_network_actions", "The number of seconds it takes to process each network action", "action"
        )
        self.image_actions = self._histogram(
            "engine_daemon_image_actions", "The number of seconds it takes to process each image action", "action"
        )
        self.host_info = self._histogram(
            "engine_daemon_host_info_functions",
            "The number of seconds it takes to call functions gathering info about the host",
            "function",
        )
        for function in HOST_FUNCTIONS:
            self.host_info.labels(function)
        self.health_start = self._histogram(
            "engine_daemon_health_check_start_duration",
            "The number of seconds it takes to prepare to run health checks",
        )
        self.health_checks = self._counter("engine_daemon_health_checks", "The total number of health checks")
        self.health_failed = self._counter(
            "engine_daemon_health_checks_failed", "The total number of failed health checks"
        )
        self.steps = Histogram(
            "wherry_start_step_seconds",
            "The number of seconds that each step of a start took",
            ("step",),
            buckets=STEP_BUCKETS,
            registry=self._registry,
        )
        self._states = Gauge(
            "engine_daemon_container_states_containers",
            "The count of containers in various states",
            ("state",),
            registry=self._registry,
        )
        self._readers = Gauge(
            "engine_daemon_events_subscribers_total",
            "The number of current subscribers to events",
            registry=self._registry,
        )
        self._owed = Gauge(
            "wherry_owed_releases", "Releases of containers that failed and are still due", registry=self._registry
        )
        self._events = self._counted("engine_daemon_events", "The number of events logged")
        self._leftovers = self._counted("wherry_leftover_mounts", "Mounts that a release had left and a sweep removed")
        self._of_logs()
        self._of_builds()
        ProcessCollector(registry=self._registry)

    def started(self, steps: Mapping[str, int], total: int) -> None:
        """Observe a start that succeeded: its steps and the whole, in microseconds."""
        self.container_actions.labels("start").observe(total / MICROSECONDS)
        for name, spent in steps.items():
            self.steps.labels(name).observe(spent / MICROSECONDS)

    def describe(self, info: Mapping[str, str], cpus: int, memory: int) -> None:
        """Publish what does not change: the engine (INFO) and its machine, `memory` in bytes."""
        about = "The information related to the engine and the OS it is running on"
        Gauge("engine_daemon_engine_info", about, INFO, registry=self._registry).labels(**info).set(1)
        about = "The number of cpus that the host system of the engine has"
        Gauge("engine_daemon_engine_cpus_cpus", about, registry=self._registry).set(cpus)
        about = "The number of bytes of memory that the host system of the engine has"
        Gauge("engine_daemon_engine_memory_bytes", about, registry=self._registry).set(memory)

    def take(self, now: Moment) -> None:
        """Set what is counted on demand."""
        for state in STATES:
            self._states.labels(state).set(now.states.get(state, 0))
        self._owed.set(now.owed)
        self._readers.set(now.readers)
        self._events.value = now.events
        self._leftovers.value = now.leftover_mounts

    def render(self) -> bytes:
        """Return the text of the exposition format 0.0.4 (blocking: some milliseconds of computing)."""
        return generate_latest(self._registry)

    @staticmethod
    @contextlib.contextmanager
    def timed(histogram: Histogram, label: str) -> Iterator[None]:
        """Observe how long the block takes, unless it fails: Docker counts what succeeded."""
        began = time.perf_counter()
        yield
        histogram.labels(label).observe(time.perf_counter() - began)

    def _of_logs(self) -> None:
        """Make those that keepers count; a fifo that is held open can always be read (read(2))."""
        self.log_long = self._counter(
            "logger_log_entries_size_greater_than_buffer", "Number of log entries which are larger than the log buffer"
        )
        self.log_writes_failed = self._counter(
            "logger_log_write_operations_failed", "Number of log write operations that failed"
        )
        self._counted("logger_log_read_operations_failed", "Number of log reads from container stdio that failed")

    def _of_builds(self) -> None:
        """Show zeros: no image is built here."""
        self._counted("builder_builds_triggered", "Number of triggered image builds")
        failed = self._counter("builder_builds_failed", "Number of failed image builds", "reason")
        for reason in BUILD_FAILURES:
            failed.labels(reason)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(f"{name}_seconds", about, labels, buckets=BUCKETS, registry=self._registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"{name}_total", about, labels, registry=self._registry)

    def _counted(self, name: str, about: str) -> _Counted:
        counted = _Counted(name, about)
        self._registry.register(counted)
        return counted
