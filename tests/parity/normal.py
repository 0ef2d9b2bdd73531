"""Making two answers comparable: what must differ between two engines becomes a word that says what it was."""

import json
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tests.real.box import TIER

Json = Any

DEFAULT = "runc"
"""What the runtime of TIER stands for here, on an engine of ours."""

WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\bsha256:[0-9a-f]{64}\b", "<digest>"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"\b[0-9a-f]{64}\b", "<id>"),
        (r"\b[0-9a-f]{12}\b", "<short id>"),
        (r"\b(?!0001-)\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d( [A-Z]+)?)", "<time>"),
        (r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "<mac>"),
        (r"\b(?!0\.0\.0\.0\b|127\.|255\.)\d{1,3}(\.\d{1,3}){3}\b", "<address>"),
        (r"(?<![\d.])\d+\.\d+\.\d+(?!\.?\d)[0-9A-Za-z.+~-]*", "<version>"),
        (r"\b(Less than a second|About a minute|\d+ (second|minute)s?)\b", "<span>"),
        (r"invalid JSON: (json|invalid (character|escape)).*", "invalid JSON: <words>"),
        (r" \(step [a-z]+, [^\n]*: [^\n]*\)(?=\s*$)", ""),  # ours, behind Docker's words
        (r"error during container init: |: unknown\b(?=\s*$)", ""),
        (r"(error mounting \S+ to rootfs at \S+): .*", r"\1"),
        (r"(exec: \S+): is a directory: permission denied", r"\1: permission denied"),
        (r"(container process): (invalid )?environment variable:? name can.*", r"\1: bad environment variable"),
    )
)
"""In this order. The last ones are words of encoding/json, runc and containerd, which change with their releases."""
GENERATED_NAME = re.compile(r"/?[a-z]+_[a-z]+\d?")
NUMBERS = (
    "*.Pid",
    "*.NFd",
    "*.NGoroutines",
    "*.NEventsListener",
    "*.time",
    "*.timeNano",
    "*.created",
    "*.Created",
)
"""Numbers of which only counts whether they are zero."""
TEXTS = ("*.BuildTime", "*.SystemTime", "*.ID")
"""Texts of which only counts whether they are empty."""
OF_THE_RUN = (
    "*.Debug",
    "*.Images",
    "*.Containerd.Address",
    "*.GitCommit",
    "*.ContainerdCommit",
    "*.InitCommit",
    "*.RuncCommit",
    "*.runtime-spec.features",
    "*.execDuration",
)
"""What tells how an engine was built or started, of which runc it has, or what else it holds."""
UNORDERED = ("*.Mounts", "*.Ports", "*.MaskedPaths", "*.ReadonlyPaths", "network list*.body")
"""Lists whose order means nothing; dockerd makes some of a map."""


def normal(value: Json, roots: Sequence[str], at: str = "") -> Json:
    """Return an answer with its ids, times, addresses and the like as words; `at` is its place."""
    if _fits(at, OF_THE_RUN):
        return "<any>"
    if isinstance(value, dict):
        return {words(key, roots): normal(item, roots, f"{at}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        items = [normal(item, roots, f"{at}.{index}") for index, item in enumerate(value)]
        return sorted(items, key=json.dumps) if _fits(at, UNORDERED) else items
    if isinstance(value, str):
        return "<text>" if value and _fits(at, TEXTS) else words(value, roots)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0 and _fits(at, NUMBERS):
        return "<number>"
    return value


def words(text: str, roots: Sequence[str]) -> str:
    """Return a text as normal() shows it."""
    if text == TIER:
        return DEFAULT
    if GENERATED_NAME.fullmatch(text):
        return "<generated name>"
    for root in roots:
        text = text.replace(root, "<root>")
    for pattern, word in WORDS:
        text = pattern.sub(word, text)
    return text


def _fits(at: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(at, pattern) for pattern in patterns)
