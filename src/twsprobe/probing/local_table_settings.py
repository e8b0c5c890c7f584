"""Local evidence from files: the settings of TWS and of IBC, and the logs. The rows of sockets and processes are in `local_table`.

A file weighs only where it belongs to the program that the target stands for. Traps: LocalServerPort is the FIX Gateway's port and not the
API's; IBC rewrites jts.ini at each start; TWS, unlike the Gateway, keeps its trusted addresses in tws.xml; with settings stored at IBKR
the local file may be stale. Sources: IBC 3.24 (config.ini, JtsIniManager.java), IBKR docs: settings.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator

from twsprobe.probing.local import Row
from twsprobe.probing.local_files import shown_path
from twsprobe.probing.local_machine import Machine
from twsprobe.probing.local_marks import MARKS
from twsprobe.probing.observation import is_loopback
from twsprobe.probing.signatures import Signature

RECENT = 180.0
"""Seconds within which a restart still explains a failure."""
LOG_DELAY = 120.0
"""Seconds that a log of this very run may be old."""
RESTART_LASTS = 15
"""Minutes that a daily restart may take."""
YES = frozenset({"true", "yes", "1"})
MODES = {"p": "paper", "l": "live"}
_TRUST = ("untrusted-address", "dialog-pending", "dialog-refused")
_READ_ONLY_MATTERS = (Signature.READY, Signature.SYNC_STALLED)


def listed(addresses: str) -> list[str]:
    """The addresses of a list."""
    return [one for one in re.split(r"[,;\s]+", addresses) if one]


def trusted(machine: Machine) -> str | None:
    """The trusted addresses that the program goes by, as far as a file says: a Gateway's are in jts.ini, TWS's in tws.xml."""
    if not machine.files_apply or machine.app is None:
        return None
    if machine.app.product == "gateway":
        return machine.jts.get("TrustedIPs")
    return machine.settings.api.get("trusted") if machine.settings else None


def trusted_holds(machine: Machine) -> Iterator[str]:
    """The address that the connection leaves from is trusted."""
    addresses, source = trusted(machine), machine.observation.source
    if addresses is not None and source in listed(addresses):
        yield f"{source} is among the trusted addresses ({addresses})."


def trusted_lacks(machine: Machine) -> Iterator[str]:
    """It is not, and it is no loopback one, which is let in anyway."""
    addresses, source = trusted(machine), machine.observation.source
    if addresses is not None and source and not is_loopback(source) and source not in listed(addresses) and not machine.forwarder:
        yield f"{source} is not among the trusted addresses ({addresses or 'none are listed'})."


def trusted_lacks_ipv6(machine: Machine) -> Iterator[str]:
    """It is ::1, which a trusted 127.0.0.1 may not cover."""
    addresses, source = trusted(machine), machine.observation.source
    if addresses is not None and source == "::1" and source not in listed(addresses):
        yield f"::1 is not among the trusted addresses ({addresses or 'none are listed'})."


def stored_port(machine: Machine) -> tuple[int, str] | None:
    """The API port that a file sets, and which file says so."""
    if machine.ibc_applies and machine.ibc and machine.ibc.get("OverrideTwsApiPort"):
        return int(machine.ibc["OverrideTwsApiPort"]), "IBC's config.ini (OverrideTwsApiPort)"
    if machine.files_apply and machine.settings and "port" in machine.settings.api:
        return int(machine.settings.api["port"]), machine.settings.name
    return None


def expected_port(machine: Machine) -> int:
    """The port that the application itself should have: the target's, or the one behind the forwarder."""
    return machine.backend_port or machine.observation.target_port


def port_differs(machine: Machine) -> Iterator[str]:
    """A file sets another port. Behind a forwarder whose target is not known, any port may be right."""
    stored = stored_port(machine)
    if stored and stored[0] != expected_port(machine) and (machine.forwarder is None or machine.backend_port):
        yield f"{stored[1]} sets the API port to {stored[0]}, not {expected_port(machine)}."


def port_same(machine: Machine) -> Iterator[str]:
    """A file sets this port."""
    stored = stored_port(machine)
    if stored and stored[0] == expected_port(machine):
        yield f"{stored[1]} sets the API port to {stored[0]}."


def trading_mode(machine: Machine) -> tuple[str, str] | None:
    """Live or paper as a file says, and which; IBC's choice comes before the one of the last login."""
    if machine.ibc_applies and machine.ibc and (mode := machine.ibc.get("TradingMode")):
        return mode, "IBC's config.ini (TradingMode)"
    mode = machine.jts.get("tradingMode") if machine.files_apply else None
    return (MODES.get(mode, mode), "jts.ini (tradingMode)") if mode else None


def mode_differs(machine: Machine) -> Iterator[str]:
    """The files say another mode than the port stands for; accounts, where they came, say it better."""
    mode, expected = trading_mode(machine), machine.observation.mode
    if mode and expected and machine.observation.paper is None and mode[0] != expected:
        yield f"{mode[1]} says {mode[0]}, and port {machine.observation.target_port} is by convention the {expected} one."


def mode_same(machine: Machine) -> Iterator[str]:
    """The files say the mode that the port stands for."""
    mode, expected = trading_mode(machine), machine.observation.mode
    if mode and expected and machine.observation.paper is None and mode[0] == expected:
        yield f"{mode[1]} says {mode[0]}, as the port does."


def ibc_value(key: str, *values: str) -> Callable[[Machine], bool]:
    """Whether IBC's config.ini has one of some values for a key."""
    return lambda machine: machine.ibc_applies and machine.ibc is not None and machine.ibc.get(key, "").lower() in values


def incoming(value: str) -> Callable[[Machine], Iterator[str]]:
    """What IBC does about the dialog for an address that is not trusted."""
    does = {
        "manual": "leaves the dialog for someone to answer",
        "reject": "answers the dialog with no",
        "accept": "answers the dialog with yes",
    }

    def find(machine: Machine) -> Iterator[str]:
        # IBC's own default is manual.
        if machine.ibc_applies and machine.ibc is not None and machine.ibc.get("AcceptIncomingConnectionAction", "manual") == value:
            yield f"IBC {does[value]} when an address is not trusted (AcceptIncomingConnectionAction={value})."

    return find


def read_only(machine: Machine) -> Iterator[str]:
    """The API is read-only by a file, where that bears on how the run ended."""
    facts = machine.observation
    if facts.signature not in _READ_ONLY_MATTERS and 321 not in facts.codes:
        return
    if ibc_value("ReadOnlyApi", *YES)(machine):
        yield "IBC makes the API read-only (ReadOnlyApi=yes)."
    elif machine.files_apply and machine.settings and machine.settings.api.get("read-only", "").lower() in YES:
        yield f"{machine.settings.name} makes the API read-only."


def localhost_only(machine: Machine) -> Iterator[str]:
    """Other machines are refused by a file."""
    if machine.files_apply and machine.settings and machine.settings.api.get("localhost-only", "").lower() in YES:
        yield f'{machine.settings.name} has "Allow connections from localhost only" ticked.'


def api_off(machine: Machine) -> Iterator[str]:
    """Socket clients are switched off by a file."""
    if machine.files_apply and machine.settings and machine.settings.api.get("enabled", "").lower() in {"false", "no", "0"}:
        yield f'{machine.settings.name} has "Enable ActiveX and Socket Clients" unticked.'


def fix_login(machine: Machine) -> Iterator[str]:
    """The Gateway is set up for FIX."""
    if machine.files_apply and machine.app and machine.app.product == "gateway":
        if ibc_value("FIX", "yes", "true")(machine):
            yield "IBC logs the Gateway in to FIX (FIX=yes), which is not the API."
        elif machine.jts.get("ApiOnly", "").lower() == "false":
            yield "jts.ini has ApiOnly=false: the login offers FIX in place of the API."


def command_port(machine: Machine) -> Iterator[str]:
    """The target is IBC's command server."""
    if machine.ibc and machine.ibc.get("CommandServerPort") == str(machine.observation.target_port):
        yield f"IBC's config.ini has CommandServerPort={machine.observation.target_port}."


def master_id(machine: Machine) -> Iterator[str]:
    """The client id used is the master id."""
    if machine.ibc_applies and machine.ibc and machine.ibc.get("OverrideTwsMasterClientID") == str(machine.observation.client_id):
        yield f"Client id {machine.observation.client_id} is the master id (OverrideTwsMasterClientID)."


def scheduled(machine: Machine) -> Iterator[str]:
    """IBC restarts or ends the application at about this time of the day."""
    present = datetime.datetime.fromtimestamp(machine.now)
    for key in ("AutoRestartTime", "AutoLogoffTime", "ColdRestartTime", "ClosedownAt"):
        text = (machine.ibc or {}).get(key, "")
        minutes = minutes_of_day(text)
        if machine.ibc is not None and minutes is not None and 0 <= (present.hour * 60 + present.minute - minutes) % 1440 < RESTART_LASTS:
            yield f"IBC's config.ini has {key}={text}, which is about now."


def minutes_of_day(text: str) -> int | None:
    """Minutes since midnight of ``23:45``, ``11:45 PM`` or ``Friday 22:00``; None for anything else."""
    found = re.fullmatch(r"(?:\w+ )?(\d{1,2}):(\d{2})(?::\d{2})? ?([AaPp][Mm])?", text)
    if not found:
        return None
    hour = int(found[1]) % 12 + (12 if found[3].lower() == "pm" else 0) if found[3] else int(found[1])
    return hour * 60 + int(found[2]) if hour < 24 and int(found[2]) < 60 else None


def session_manual(machine: Machine) -> Iterator[str]:
    """IBC leaves the dialog about an existing session to someone, and nothing listens."""
    waiting = machine.port is not None and not machine.port.listeners
    if (
        machine.ibc_applies
        and machine.ibc is not None
        and machine.ibc.get("ExistingSessionDetectedAction", "manual") == "manual"
        and waiting
    ):
        yield "IBC leaves the dialog about an existing session for someone to answer (ExistingSessionDetectedAction=manual)."


def restarted(machine: Machine) -> Iterator[str]:
    """A log of the program was begun a moment ago."""
    if machine.files_apply and machine.logs and machine.logs.started and 0 <= machine.now - machine.logs.started < RECENT:
        yield f"A new log of the application was begun {machine.now - machine.logs.started:.0f} s ago, so it was started then."


def last_start(machine: Machine) -> Iterator[str]:
    """When the program was last started, by the name of its log."""
    if machine.logs and machine.logs.started and machine.now - machine.logs.started >= RECENT:
        moment = datetime.datetime.fromtimestamp(machine.logs.started)
        yield f"The newest log of the application is from its start on {moment:%Y-%m-%d %H:%M}."


def client_logged(machine: Machine) -> Iterator[str]:
    """TWS began a log for the client id of this run: it has processed startApi."""
    written = machine.logs.clients.get(machine.observation.client_id or -1) if machine.logs else None
    if machine.observation.start_sent and written is not None and machine.now - written < LOG_DELAY:
        yield f"TWS writes a log for client id {machine.observation.client_id}, so it has accepted this client."


def client_not_logged(machine: Machine) -> Iterator[str]:
    """TWS writes logs of clients, and none for this one."""
    clients = machine.logs.clients if machine.logs and machine.files_apply else {}
    recent = any(machine.now - written < 86400 for written in clients.values())
    if machine.observation.start_sent and recent and machine.observation.client_id not in clients:
        yield f"TWS writes logs of its clients, but none for client id {machine.observation.client_id}: startApi was not processed."


def clients_logged(machine: Machine) -> Iterator[str]:
    """The client ids that TWS accepted lately."""
    clients = machine.logs.clients if machine.logs else {}
    recent = sorted(number for number, written in clients.items() if machine.now - written < 86400)
    if recent:
        shown = ", ".join(map(str, recent[:8])) + (f" and {len(recent) - 8} more" if len(recent) > 8 else "")
        yield f"Client ids with a log of the last 24 hours: {shown}."


def mark(log: str, name: str) -> Callable[[Machine], Iterator[str]]:
    """That a mark stands last in a log that was written since the application was started."""

    def find(machine: Machine) -> Iterator[str]:
        marks, written = (machine.ibc_marks, machine.ibc_written) if log == "ibc" else (machine.launcher_marks, machine.launcher_written)
        if marks and marks[-1] == name and machine.app is not None and written >= machine.app.started:
            yield MARKS[log][name].sentence

    return find


def encrypted(machine: Machine) -> Iterator[str]:
    """The settings file cannot be read."""
    if machine.settings and machine.settings.form == "encrypted":
        hidden = "socket port, trusted addresses and read-only mode are not to be seen in it"
        yield f"{machine.settings.name} is encrypted, so {hidden}; --config asks TWS itself."


def plain(machine: Machine) -> Iterator[str]:
    """The settings file can be read, and says this of the API."""
    if machine.settings and machine.settings.api:
        told = ", ".join(f"{name} {value or 'empty'}" for name, value in machine.settings.api.items())
        yield f"{machine.settings.name} says of the API: {told}."


def rewritten(machine: Machine) -> Iterator[str]:
    """A trap: IBC rewrites jts.ini."""
    if machine.ibc_applies and machine.jts:
        yield "IBC rewrites jts.ini at each start, so trusted addresses belong into TrustedTwsApiClientIPs of its config.ini."


def server_port(machine: Machine) -> Iterator[str]:
    """A trap: LocalServerPort is not the API port."""
    if port := machine.jts.get("LocalServerPort"):
        yield f"jts.ini has LocalServerPort={port}; that is a FIX Gateway's port, not the API's."


def stored_remotely(machine: Machine) -> Iterator[str]:
    """A trap: the settings come from IBKR."""
    if "true" in (machine.jts.get("s3store"), machine.jts.get("useRemoteSettings")) and machine.settings and machine.settings.api:
        yield "jts.ini says that settings are stored at IBKR, so the local file may be out of date."


def foreign(machine: Machine) -> Iterator[str]:
    """The files that were found may belong to another program than the one behind the target."""
    if machine.folder is not None and not machine.files_apply:
        yield f"{shown_path(machine.folder)} holds settings of a TWS, but not surely those of what is behind this port."


SETTINGS_ROWS: tuple[Row, ...] = (
    *(Row(f"{log}-{name}", mark(log, name), each.raises, each.lowers) for log, marks in MARKS.items() for name, each in marks.items()),
    Row("trusted-listed", trusted_holds, lowers=_TRUST),
    Row("trusted-missing", trusted_lacks, raises=("untrusted-address", "dialog-pending")),
    Row("trusted-missing-ipv6", trusted_lacks_ipv6, raises=("ipv6-localhost",)),
    Row("localhost-only", localhost_only, raises=("untrusted-address",), lowers=("dialog-pending",)),
    Row("incoming-manual", incoming("manual"), raises=("dialog-pending",), lowers=("dialog-refused",)),
    Row("incoming-reject", incoming("reject"), raises=("dialog-refused",), lowers=("dialog-pending",)),
    Row("incoming-accept", incoming("accept"), lowers=("dialog-pending", "dialog-refused")),
    Row("port-differs", port_differs, raises=("wrong-port", "port-changed")),
    Row("port-same", port_same, lowers=("wrong-port",)),
    Row("mode-differs", mode_differs, raises=("live-paper-mixup",)),
    Row("mode-same", mode_same, lowers=("live-paper-mixup",)),
    Row("read-only", read_only, raises=("read-only-api", "sync-completed-orders")),
    Row("api-off", api_off, raises=("api-not-enabled",), lowers=("app-not-running",)),
    Row("fix-login", fix_login, raises=("api-not-enabled",)),
    Row("command-port", command_port, raises=("ibc-command-server",)),
    Row("master-id", master_id, raises=("client-id-zero",)),
    Row("scheduled", scheduled, raises=("nightly-restart",)),
    Row("session-manual", session_manual, raises=("login-unfinished", "competing-session")),
    Row("restarted", restarted, raises=("app-starting", "nightly-restart"), lowers=("api-wedged",)),
    Row("client-logged", client_logged, lowers=("api-not-accepted", "dialog-pending")),
    Row("client-not-logged", client_not_logged, raises=("api-not-accepted",)),
    Row("last-start", last_start),
    Row("clients-logged", clients_logged),
    Row("settings-encrypted", encrypted),
    Row("settings-plain", plain),
    Row("jts-rewritten", rewritten),
    Row("local-server-port", server_port),
    Row("settings-remote", stored_remotely),
    Row("settings-foreign", foreign),
)
"""What files say."""
