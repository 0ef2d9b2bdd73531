"""The first process of a container and those that exec adds (start.md 5.3, 5.10)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from wherry.model.container import ExecRequest, Ulimit
from wherry.spec import caps
from wherry.spec.facts import EngineFacts, Facts, UserIds
from wherry.spec.mounts import INIT, wants_init
from wherry.spec.security import apparmor_profile, parse_security_options
from wherry.state.record import Record

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TERM = "TERM=xterm"


def build_process(rec: Record, facts: Facts) -> dict[str, Any]:
    """Return `process` of the container's first process; InvalidParameter for a bad capability or option."""
    args = [rec.path, *rec.args]
    if wants_init(rec.host_config, facts.engine):
        args = [INIT, "--", *args]
    process: dict[str, Any] = {
        "terminal": rec.config.tty,
        "user": _user(_with_groups(facts.user, facts.edits.additional_gids or ())),
        "args": args,
        "env": merge_env(merge_env([*_base_env(rec), *facts.env], rec.config.env or ()), facts.edits.env or ()),
        "cwd": rec.config.working_dir or "/",
        "capabilities": _capabilities(bounding(rec, facts.engine)),
        "oomScoreAdj": rec.host_config.oom_score_adj,
    }
    if rlimits := _rlimits(rec.host_config.ulimits or (), facts.engine.default_ulimits):
        process["rlimits"] = rlimits
    own = parse_security_options(rec.host_config.security_opt).no_new_privileges
    if facts.engine.no_new_privileges if own is None else own:
        process["noNewPrivileges"] = True
    if facts.engine.apparmor:
        process["apparmorProfile"] = apparmor_profile(rec.host_config)
    return process | _console(rec.config.tty, rec.host_config.console_size)


def build_exec_process(
    template: dict[str, Any], request: ExecRequest, user: UserIds, available: Sequence[str]
) -> dict[str, Any]:
    """Return the process of an exec: a copy of the container's own where the request says nothing else.

    `template` is `process` of the spec that the container was started with, so that settings of the daemon which
    changed since do not loosen it, nor AppArmor and SELinux. `user` is the request's, or without one the container's,
    resolved. A privileged exec gets the capabilities `available` to the daemon; seccomp and no_new_privileges stay
    the container's.
    """
    process = dict(template)
    process.pop("consoleSize", None)
    process |= {
        "terminal": request.tty,
        "user": _user(user),
        "args": list(request.cmd or ()),
        "env": merge_env(_exec_env(template, request.tty), request.env or ()),
        "cwd": request.working_dir or template["cwd"],
    }
    if request.privileged:
        process["capabilities"] = _capabilities(available)
    return process | _console(request.tty, request.console_size or ())


def _exec_env(template: dict[str, Any], tty: bool) -> list[str]:
    """The container's environment with TERM as the exec's own terminal asks for it, not as the container's did."""
    env: list[str] = template["env"]
    if tty:
        return env if any(entry.startswith("TERM=") for entry in env) else [*env, TERM]
    return [entry for entry in env if entry != TERM] if template.get("terminal") else env


def bounding(rec: Record, engine: EngineFacts) -> tuple[str, ...]:
    """Return the capabilities of a container: bounding, permitted and effective alike."""
    wanted = rec.host_config
    return caps.resolve(wanted.cap_add, wanted.cap_drop, wanted.privileged, engine.capabilities)


def merge_env(base: Iterable[str], overrides: Iterable[str]) -> list[str]:
    """Return the environment: each key once and the last value of it, in the order of first appearance.

    An override without `=` removes its key.
    """
    merged = {entry.partition("=")[0]: entry for entry in base}
    for entry in overrides:
        key, separator, _ = entry.partition("=")
        if separator:
            merged[key] = entry
        else:
            merged.pop(key, None)
    return list(merged.values())


def _base_env(rec: Record) -> list[str]:
    return [PATH, f"HOSTNAME={rec.config.hostname}", *([TERM] if rec.config.tty else [])]


def _user(ids: UserIds) -> dict[str, Any]:
    return {"uid": ids.uid, "gid": ids.gid, "additionalGids": list(ids.additional_gids)}


def _with_groups(ids: UserIds, groups: Iterable[int]) -> UserIds:
    """Those that a device needs come last, each once; group 0 is never one of them."""
    added = dict.fromkeys(group for group in groups if group and group not in ids.additional_gids)
    return replace(ids, additional_gids=(*ids.additional_gids, *added))


def _capabilities(names: Sequence[str]) -> dict[str, list[str]]:
    """No inheritable and no ambient ones: they would outlive a change of user."""
    return {kind: list(names) for kind in ("bounding", "effective", "permitted")}


def _console(tty: bool, size: Sequence[int]) -> dict[str, Any]:
    """A console size is height and width; two zeros say nothing."""
    return {"consoleSize": {"height": size[0], "width": size[1]}} if tty and any(size) else {}


def _rlimits(own: Sequence[Ulimit], defaults: Sequence[Ulimit]) -> list[dict[str, Any]]:
    """The container's limits, and the daemon's for names it does not set."""
    limits = {limit.name: limit for limit in (*defaults, *own)}
    return [
        {"type": f"RLIMIT_{limit.name.upper()}", "hard": limit.hard, "soft": limit.soft} for limit in limits.values()
    ]
