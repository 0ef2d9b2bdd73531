"""Step netfiles: hosts, hostname and resolv.conf, which are bind-mounted into the container."""

import hashlib
import os

import msgspec

from wherry.base.offload import offload
from wherry.containers.layout import Layout
from wherry.containers.links import Linked
from wherry.containers.steps.joins import Joined
from wherry.host.errors import translate
from wherry.host.files import write_in_place
from wherry.network import netfiles
from wherry.network.netfiles import Upstreams, Wishes
from wherry.network.service import Networking
from wherry.spec.facts import NetFiles
from wherry.state.record import Record
from wherry.state.store import Slot

HOST_HOSTS = "/etc/hosts"
HOST_RESOLV = "/etc/resolv.conf"
SYSTEMD_RESOLV = "/run/systemd/resolve/resolv.conf"
DIGEST = ".hash"
"""Beside the file: what we wrote last, so that a change by others is seen."""
MOST = 1024 * 1024
STUB = "127.0.0.53"
"""The address of systemd-resolved: a container does not reach it, so its own source is read instead."""


class NetworkFiles:
    """After acquire: the three files stand in the container's directory, rewritten for this run.

    They stay with the container, so release has nothing to give back; remove deletes the directory.
    """

    name = "netfiles"

    def __init__(self, networking: Networking, layout: Layout, dns: tuple[str, ...]) -> None:
        """Take the networks, the paths, and the daemon's own name servers."""
        self._networking = networking
        self._layout = layout
        self._dns = dns

    async def acquire(self, slot: Slot, joined: Joined) -> NetFiles:
        """Write the files and return their paths, none for a container without any network.

        With another's network the files, and with them the names of the host, are that one's.
        """
        if slot.rec.config.network_disabled:
            return NetFiles()
        donor = joined.donors.get("network")
        if donor is None:
            return await offload(self._write, slot.rec, joined.links)
        names = {"hostname": donor.config.hostname, "domainname": donor.config.domainname}
        config = msgspec.structs.replace(slot.rec.config, **names)
        rec = await slot.save(config=config, netfiles_of=donor.netfiles_of or donor.id)
        return await offload(_existing, self._layout.netfiles(rec.netfiles_of))

    async def release(self, rec: Record) -> None:
        """Nothing: the files belong to the container."""

    def _write(self, rec: Record, links: tuple[Linked, ...]) -> NetFiles:
        with translate("write the network files"):
            self._layout.make_directory(rec.id)
            found = self._layout.netfiles(rec.id)
            linked = "".join(link.hosts_line() for link in links)
            write_in_place(found.hosts, f"{self._hosts(rec)}{linked}".encode())
            write_in_place(found.hostname, netfiles.hostname(rec.config.hostname).encode())
            text = self._resolv_conf(rec).encode()
            write_in_place(found.resolv_conf, text)
            write_in_place(found.resolv_conf + DIGEST, _digest(text))
        return found

    def name_resolver(self, rec: Record) -> Upstreams:
        """Have resolv.conf name the engine's resolver, unless somebody has changed the file since `acquire`. Blocks.

        Returns whom the resolver asks (network.md 14.3). Repeated, it leaves the file alone: its digest stays.
        """
        text, upstreams = netfiles.internal_resolv_conf(_read(HOST_RESOLV), HOST_RESOLV, self._wishes(rec))
        path = f"{self._layout.directory(rec.id)}/resolv.conf"
        with translate("write resolv.conf"):
            if _digest(_read(path).encode()).decode() == _read(path + DIGEST):
                write_in_place(path, text.encode())
        return upstreams

    def _wishes(self, rec: Record) -> Wishes:
        host = rec.host_config
        return Wishes(host.dns or self._dns, host.dns_search or (), host.dns_options or ())

    def _hosts(self, rec: Record) -> str:
        extra = rec.host_config.extra_hosts or []
        if rec.host_config.network_mode == "host" and not extra:
            return _read(HOST_HOSTS)
        return netfiles.hosts(extra, self._networking.gateway())

    def _resolv_conf(self, rec: Record) -> str:
        shares = rec.host_config.network_mode == "host"
        path = HOST_RESOLV
        if not shares and _only_stub(_read(HOST_RESOLV)):
            path = SYSTEMD_RESOLV
        return netfiles.resolv_conf(_read(path), path, self._wishes(rec), "host" if shares else "legacy")


def _digest(text: bytes) -> bytes:
    return f"sha256:{hashlib.sha256(text).hexdigest()}".encode()


def _existing(files: NetFiles) -> NetFiles:
    """Leave out what went with a donor's donor that was removed."""
    names = {name: getattr(files, name) for name in ("hosts", "hostname", "resolv_conf")}
    return NetFiles(**{name: path for name, path in names.items() if os.path.exists(path)})


def _read(path: str) -> str:
    """Return the beginning of a file, empty when there is none: a container can make its own as long as it likes."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MOST)
    except FileNotFoundError:
        return ""


def _only_stub(text: str) -> bool:
    servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
    return servers == [STUB]
