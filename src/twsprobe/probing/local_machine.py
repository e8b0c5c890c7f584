"""The facts that this machine tells about a target, gathered in steps, so that a look that is cut short keeps what it has.

What a file says holds for the target only where the program that the file belongs to may be the one behind the port: it listens there
itself, or the owner of the socket is not told, or nothing listens at all. Behind a forwarder it may be another one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from twsprobe.net.local_processes import App, Forwarder, Running, running
from twsprobe.net.local_sockets import ANY, PortFacts, port_facts
from twsprobe.net.local_system import LISTEN, Queue, Sockets, System, Unseen
from twsprobe.probing.local_files import (
    IBC_KEYS,
    JTS_KEYS,
    Logs,
    SettingsFile,
    Unreadable,
    last_marks,
    last_written,
    logs,
    newest_ibc_log,
    read_keys,
    settings_file,
    user_folders,
)
from twsprobe.probing.local_marks import IBC_MARKS, LAUNCHER_MARKS
from twsprobe.probing.observation import API_PORTS, Observation, is_loopback

MOST_FOLDERS = 3


@dataclass
class Machine:
    """What was seen. None, and empty, mean that it was not told; ``unread`` says what and why."""

    observation: Observation
    now: float = field(default_factory=time.time)
    """Seconds since 1970."""
    port: PortFacts | None = None
    sockets: Sockets | None = None
    queues: tuple[Queue, ...] = ()
    running: Running | None = None
    folder: Path | None = None
    """The settings folder that was read."""
    jts: Mapping[str, str] = field(default_factory=dict)
    ibc: Mapping[str, str] | None = None
    """The keys of IBC's config.ini that were found; None where there is no such file."""
    settings: SettingsFile | None = None
    logs: Logs | None = None
    launcher_marks: tuple[str, ...] = ()
    launcher_written: float = 0.0
    ibc_marks: tuple[str, ...] = ()
    ibc_written: float = 0.0
    unread: list[str] = field(default_factory=list)

    @property
    def apps(self) -> tuple[App, ...]:
        """TWS and IB Gateway among the processes."""
        return tuple(app for app in (self.running.apps if self.running else ()) if app.product in ("tws", "gateway"))

    @property
    def owner(self) -> App | None:
        """The Java program that listens on the port."""
        owners = self.port.owners if self.port else ()
        return next((app for app in (self.running.apps if self.running else ()) if app.pid in owners), None)

    @property
    def owner_name(self) -> str | None:
        """The name of the program that listens; None where it is not told."""
        owners = self.port.owners if self.port else ()
        return next((self.running.names[pid] for pid in owners if pid in self.running.names), None) if self.running else None

    @property
    def forwarder(self) -> Forwarder | None:
        """The forwarder that listens on the port: by its socket or, where the system hides that, by its command line."""
        if self.port is None or self.running is None or not self.port.listeners:
            return None
        owners = self.port.owners
        for each in self.running.forwarders:
            if each.pid in owners or (not owners and each.port == self.port.port):
                return each if each.port in (None, self.port.port) else Forwarder(each.pid, each.name)
        return None

    @property
    def backend_port(self) -> int | None:
        """The port of this machine that the forwarder in front passes on to; None where it is elsewhere, or not told."""
        target = self.forwarder.target if self.forwarder else None
        return target[1] if target is not None and (is_loopback(target[0]) or target[0] == "localhost") else None

    @property
    def app(self) -> App | None:
        """The TWS or Gateway that the target stands for: what listens there, or behind the forwarder, or else the only one that runs."""
        if self.owner is not None:
            return self.owner if self.owner in self.apps else None
        if self.port and self.port.listeners and self.owner_name is not None and self.backend_port is None:
            return None
        behind = [app for app in self.apps if self.backend_port in self.ports_of(app)]
        candidates = behind or self.apps
        return candidates[0] if len(candidates) == 1 else None

    def ports_of(self, app: App) -> tuple[int, ...]:
        """The ports on which a program serves the API, as far as sockets tell: known ones or, without any, those bound to all addresses.

        The same Java machine may listen for IBC's commands and for its own browser, on loopback.
        """
        mine = [each for each in (self.sockets.all if self.sockets else ()) if each.pid == app.pid and each.state == LISTEN]
        known = {each.port for each in mine if each.port in API_PORTS}
        return tuple(sorted(known or {each.port for each in mine if each.ip in ANY}))

    @property
    def files_apply(self) -> bool:
        """The settings folder belongs to the program that the target stands for."""
        return self.folder is not None and self.app is not None

    @property
    def ibc_applies(self) -> bool:
        """IBC started the program that the target stands for, and its config.ini was read."""
        return self.ibc is not None and self.app is not None and self.app.by_ibc

    def listens(self, port: int) -> bool | None:
        """Whether anything listens on a port of this machine; None where not all sockets are shown."""
        if self.sockets is None:
            return None
        found = any(each.port == port and each.state == LISTEN for each in self.sockets.all)
        return found or (False if self.sockets.whole else None)


def steps(system: System, home: Path) -> tuple[Callable[[Machine], None], ...]:
    """The steps of a look, in order: what says most and costs least comes first."""
    return (
        lambda machine: see_sockets(machine, system),
        lambda machine: see_processes(machine, system),
        see_owner,
        lambda machine: see_folder(machine, home),
        lambda machine: see_ibc(machine, home),
        see_logs,
    )


def see_sockets(machine: Machine, system: System) -> None:
    """The sockets of the target's port, and the queues."""
    facts = machine.observation
    try:
        machine.sockets = system.sockets()
    except Unseen as reason:
        machine.unread.append(str(reason))
    try:
        machine.queues = system.queues()
    except Unseen as reason:
        machine.unread.append(str(reason))
    if machine.sockets is not None:
        own = (facts.local_address,) if facts.local_address else ()
        machine.port = port_facts(facts.target_port, machine.sockets, machine.queues, own)
        if not machine.sockets.whole:
            machine.unread.append("Only the sockets of this user's own processes are shown.")


def see_processes(machine: Machine, system: System) -> None:
    """TWS, IB Gateway and forwarders among the processes."""
    try:
        machine.running = running(system)
    except Unseen as reason:
        machine.unread.append(str(reason))
        return
    if machine.running.hidden:
        count = machine.running.hidden
        machine.unread.append(f"{count} Java program{'s' if count > 1 else ''} could not be looked into: another user runs it.")


def see_owner(machine: Machine) -> None:
    """Whether the program that listens is told, by its socket or by a forwarder's command line."""
    port = machine.port
    if port and port.listeners and not port.owners and machine.forwarder is None:
        whose = f", which user {port.user_id} runs," if port.user_id is not None else ""
        machine.unread.append(f"The program that listens on port {port.port}{whose} is not shown to this user.")


def usual_folders(home: Path) -> list[Path]:
    """Where TWS keeps its settings unless it is told otherwise."""
    found = [home / "Jts", Path("/home/ibgateway/Jts"), Path("/opt/ibkr")]
    return [*found, Path("C:/Jts")] if sys.platform == "win32" else found


def see_folder(machine: Machine, home: Path) -> None:
    """The settings folder of the program that the target stands for, or of the one that last ran: jts.ini and the settings file."""
    named = machine.app.settings_folder if machine.app else None
    folders = [Path(named)] if named else usual_folders(home)
    for folder in folders:
        try:
            machine.jts = read_keys(folder / "jts.ini", JTS_KEYS)
        except FileNotFoundError:
            continue
        except Unreadable as reason:
            machine.unread.append(str(reason))
            continue
        machine.folder = folder
        break
    if machine.folder is None:
        if named:
            machine.unread.append("The settings folder that the process names holds no jts.ini that this user can read.")
        return
    try:
        see_settings(machine, machine.folder)
    except Unreadable as reason:
        machine.unread.append(str(reason))


def see_settings(machine: Machine, folder: Path) -> None:
    """The settings file and the names of logs of the login that was used last. Raises Unreadable."""
    users = user_folders(folder)
    machine.logs = logs(users[:MOST_FOLDERS])
    product = machine.app.product if machine.app else None
    names = {"tws": ("tws.xml",), "gateway": ("ibg.xml",)}.get(product or "", ("ibg.xml", "tws.xml"))
    found = [user / name for user in users[:MOST_FOLDERS] for name in names if (user / name).is_file()]
    if found:
        machine.settings = settings_file(max(found, key=last_written))


def see_ibc(machine: Machine, home: Path) -> None:
    """IBC's config.ini. The process names the file behind its main class, where nothing is read; so the usual places are tried."""
    roots = [home, *([machine.folder.parent] if machine.folder else [])]
    for path in dict.fromkeys(
        [*(root / name / "config.ini" for root in roots for name in ("ibc", "IBC", "Documents/IBC")), Path("/opt/ibc/config.ini")]
    ):
        try:
            machine.ibc = read_keys(path, IBC_KEYS)
        except FileNotFoundError:
            continue
        except Unreadable as reason:
            machine.unread.append(str(reason))
            continue
        newest = None
        try:
            newest = newest_ibc_log(path.parent / "logs")
            machine.ibc_marks = last_marks(newest, IBC_MARKS) if newest else ()
        except (FileNotFoundError, Unreadable) as reason:
            machine.unread.append(str(reason))
        machine.ibc_written = last_written(newest) if newest else 0.0
        return


def see_logs(machine: Machine) -> None:
    """The marks at the end of launcher.log."""
    if machine.folder is None:
        return
    path = machine.folder / "launcher.log"
    try:
        machine.launcher_marks = last_marks(path, LAUNCHER_MARKS)
        machine.launcher_written = last_written(path)
    except FileNotFoundError:
        return
    except Unreadable as reason:
        machine.unread.append(str(reason))
