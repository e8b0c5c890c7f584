"""What the settings folder of TWS and the files of IBC tell: chosen keys, the form of the settings file, names and times of logs, marks.

The problem: the same files hold user names and passwords. The rule: a reader looks for keys of a list, each with the form that its value
has; a line that is neither, and a value of another form, never leave the loop that reads them, and neither does a line of a log: only
which known mark it bears. No exception passes through with a line in its frames. What cannot be read raises `Unreadable`, with a sentence.
Traps that are honoured: LocalServerPort is not the API port; IBC rewrites jts.ini at each start; the socket port and its neighbours are
not in jts.ini at all. Known doubt: the attributes of a plain tws.xml vary between releases; those that are not recognised are left out.
"""

from __future__ import annotations

import datetime
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

MOST_BYTES = 1 << 20
"""Of one file; a log is read from its end."""
TAIL = 1 << 16
MOST_NAMES = 5000
"""Names of a folder that are looked at."""
MAGIC = b"IBGZENC"

_BOOLEAN = r"true|false|yes|no|1|0"
_CLOCK = r"[0-9:]{4,8}(?: ?[AaPp][Mm])?"
_ADDRESSES = r"[0-9A-Fa-f.:*%,; /-]*"
_PORT = r"[0-9]{1,5}"

Wanted = Mapping[tuple[str, str], re.Pattern[str]]
"""Section (empty where a file has none) and key, and the form of the value."""


def wanted(**sections: Mapping[str, str]) -> Wanted:
    """The keys of a list as they are looked up: sections by name, ``ibc`` standing for a file without any."""
    return MappingProxyType(
        {("" if section == "ibc" else section, key): re.compile(form) for section, keys in sections.items() for key, form in keys.items()}
    )


JTS_KEYS = wanted(
    IBGateway={"TrustedIPs": _ADDRESSES, "ApiOnly": _BOOLEAN, "LocalServerPort": _PORT, "WriteDebug": _BOOLEAN},
    Logon={
        "tradingMode": "p|l|paper|live",
        "TimeZone": r"[A-Za-z0-9_+/-]{1,40}",
        "Locale": r"[A-Za-z_-]{2,10}",
        "useRemoteSettings": _BOOLEAN,
        "s3store": _BOOLEAN,
    },
    Communication={"Peer": r"[a-z0-9-]{1,20}\.ibllc\.com(?::[0-9]{1,5})?", "Region": r"[a-z]{2,4}", "debug": _BOOLEAN},
)
"""Keys of jts.ini that are read."""

IBC_KEYS = wanted(
    ibc={
        "TradingMode": "live|paper",
        "OverrideTwsApiPort": _PORT,
        "OverrideTwsMasterClientID": r"[0-9]{1,10}",
        "ReadOnlyApi": _BOOLEAN,
        "ReadOnlyLogin": _BOOLEAN,
        "AcceptIncomingConnectionAction": "accept|reject|manual",
        "TrustedTwsApiClientIPs": _ADDRESSES,
        "FIX": _BOOLEAN,
        "ExistingSessionDetectedAction": "primary|primaryoverride|secondary|manual",
        "AcceptNonBrokerageAccountWarning": _BOOLEAN,
        "AutoRestartTime": _CLOCK,
        "AutoLogoffTime": _CLOCK,
        "ColdRestartTime": _CLOCK,
        "ClosedownAt": rf"(?:[A-Za-z]{{6,9}} )?{_CLOCK}",
        "CommandServerPort": _PORT,
    }
)
"""Keys of IBC's config.ini that are read."""

API_ATTRIBUTES = MappingProxyType(
    {
        "port": ("port", _PORT),
        "socketport": ("port", _PORT),
        "readonlyapi": ("read-only", _BOOLEAN),
        "allowonlylocalhost": ("localhost-only", _BOOLEAN),
        "allowlocalhostonly": ("localhost-only", _BOOLEAN),
        "masterclientid": ("master-client-id", r"[0-9]{1,10}"),
        "socketclient": ("enabled", _BOOLEAN),
        "trustedips": ("trusted", _ADDRESSES),
    }
)
"""Attributes of the API settings in a plain tws.xml or ibg.xml, in lower case: our name and the form of the value."""


class Unreadable(Exception):
    """A file is there and cannot be read; the text is a sentence without the file's content."""


class SettingsFile(NamedTuple):
    """A tws.xml or ibg.xml: its form and, where it is plain, the API settings that were recognised."""

    name: str
    form: Literal["plain", "encrypted", "other"]
    api: Mapping[str, str]


class Logs(NamedTuple):
    """What the names of logs tell: the last start, in seconds since 1970, and the client ids with a log and when each was last written."""

    started: float | None
    clients: Mapping[int, float]


def shown_path(path: Path) -> str:
    """A path for people, the home folder as ``~``."""
    text, home = str(path), str(Path.home())
    return "~" + text[len(home) :] if len(home) > 1 and (text == home or text.startswith(home + os.sep)) else text


def opened(path: Path) -> int:
    """A file descriptor of a regular file. Raises FileNotFoundError, and Unreadable with the system's reason."""
    try:
        # Without O_NONBLOCK a named pipe in place of the file would hold this thread for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(str(path)) from None
    except (OSError, ValueError) as fault:
        reason = (isinstance(fault, OSError) and fault.strerror) or "no path"
        raise Unreadable(f"{shown_path(path)}: {reason}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable(f"{shown_path(path)}: not a regular file.")
    return descriptor


def content(path: Path, tail: int = 0) -> bytearray:
    """The first bytes of a file, at most MOST_BYTES, or its last ``tail``. They may hold secrets: the caller clears them."""
    descriptor = opened(path)
    data, piece, reason = bytearray(), b"", ""
    try:
        if tail:
            os.lseek(descriptor, max(os.fstat(descriptor).st_size - tail, 0), os.SEEK_SET)
        limit = tail or MOST_BYTES
        while len(data) < limit and (piece := os.read(descriptor, limit - len(data))):
            data += piece
    except OSError as fault:
        reason = fault.strerror or "the system did not read it"
    finally:
        piece = b""
        os.close(descriptor)
    if reason:
        data.clear()
        raise Unreadable(f"{shown_path(path)}: {reason}.")
    return data


def read_keys(path: Path, keys: Wanted) -> dict[str, str]:
    """The values of chosen keys, by key; the last of several stands. Raises FileNotFoundError and Unreadable.

    Lines are read as IBC reads them: an exact ``[Section]``, then ``key=value``; a value may hold anything. A value of another form than
    the list gives is left out.
    """
    data = content(path)
    found: dict[str, str] = {}
    section, lines = "", [b""]
    line, name, value = b"", b"", b""
    try:
        lines = bytes(data).splitlines()
        for line in lines:
            line = line.strip()  # the same name again, so that no other keeps it
            if line.startswith(b"[") and line.endswith(b"]"):
                section = next((known for known, _ in keys if known.encode() == line[1:-1]), "?")
                continue
            name, _, value = line.partition(b"=")
            key = next((known for known in keys if known[0] == section and known[1].encode() == name.strip()), None)
            if key is not None and keys[key].fullmatch(value.decode("ascii", "replace").strip()):
                found[key[1]] = value.decode("ascii").strip()
        return found
    finally:
        data.clear()
        lines.clear()
        line = name = value = b""


def settings_file(path: Path) -> SettingsFile:
    """The form of a tws.xml or ibg.xml by its first bytes, and the API settings of a plain one. Raises FileNotFoundError, Unreadable."""
    data = content(path)
    try:
        beginning = bytes(data[:16]).removeprefix(b"\xef\xbb\xbf").lstrip()
        if beginning.startswith(MAGIC):
            return SettingsFile(path.name, "encrypted", MappingProxyType({}))
        if not beginning.startswith(b"<"):
            return SettingsFile(path.name, "other", MappingProxyType({}))
        return SettingsFile(path.name, "plain", MappingProxyType(api_settings(data)))
    finally:
        data.clear()
        beginning = b""


_API_ELEMENT = re.compile(rb"<\w*ApiSettings\b([^<>]{0,20000})", re.IGNORECASE)
_ATTRIBUTE = re.compile(rb"""([A-Za-z][\w-]{0,60})\s*=\s*(?:"([^"<>]{0,2000})"|'([^'<>]{0,2000})')""")


def api_settings(data: bytearray) -> dict[str, str]:
    """The recognised attributes of the element of API settings. Attributes alone are read, so that no parser keeps the rest."""
    found: dict[str, str] = {}
    element, match = _API_ELEMENT.search(data), None
    try:
        for match in _ATTRIBUTE.finditer(element[1] if element else b""):
            name, form = API_ATTRIBUTES.get(match[1].decode().lower(), ("", ""))
            if name and (value := re.fullmatch(form, (match[2] or match[3] or b"").decode("ascii", "replace"))):
                found[name] = value[0]
        return found
    finally:
        element = match = None


_PROGRAM_LOG = re.compile(r"(?:ibgateway|tws)\.(\d{8})\.(\d{6})\.(?:ibgzenc|log)")
_CLIENT_LOG = re.compile(r"api\.(\d{1,10})\.(?:\d{8}\.\d{6}\.ibgzenc|\d{8}\.\d{6}\.log|[A-Z][a-z]{2}\.log)")


def user_folders(folder: Path) -> list[Path]:
    """The folders of logins in a settings folder: lower-case letters only, ten in old releases, forty in new ones."""
    found = [Path(entry) for entry in entries(folder) if re.fullmatch(r"[a-z]{8,40}", entry.name) and entry.is_dir()]
    return sorted(found, key=last_written, reverse=True)


def last_written(path: Path) -> float:
    """When a file or folder was last written, in seconds since 1970; 0 where that is not told."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, at most MOST_NAMES; empty where it is not there. Raises Unreadable."""
    try:
        with os.scandir(folder) as listed:
            return [entry for entry, _ in zip(listed, range(MOST_NAMES), strict=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as fault:
        raise Unreadable(f"{shown_path(folder)}: {fault.strerror}.") from None


def logs(folders: Iterable[Path]) -> Logs:
    """What the names and times of the logs in the folders of logins tell. Raises Unreadable."""
    started: float | None = None
    clients: dict[int, float] = {}
    for entry in (entry for folder in folders for entry in entries(folder)):
        if program := _PROGRAM_LOG.fullmatch(entry.name):
            moment = local_moment(program[1] + program[2])
            started = max(filter(None, (started, moment)), default=None)
        elif client := _CLIENT_LOG.fullmatch(entry.name):
            number = int(client[1])
            clients[number] = max(clients.get(number, 0.0), last_written(Path(entry)))
    return Logs(started, MappingProxyType(clients))


def local_moment(digits: str) -> float | None:
    """The instant that ``YYYYMMDDHHMMSS`` names in this machine's time; None for digits that name none."""
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d%H%M%S").timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def last_marks(path: Path, marks: Mapping[str, bytes]) -> tuple[str, ...]:
    """Which of some known texts stand at the end of a log, by name, in the order of their last places. No text of the log leaves here.

    Raises FileNotFoundError and Unreadable.
    """
    data = content(path, TAIL)
    try:
        places = {name: data.rfind(text) for name, text in marks.items()}
    finally:
        data.clear()
    return tuple(sorted((name for name, place in places.items() if place >= 0), key=places.__getitem__))


def newest_ibc_log(folder: Path) -> Path | None:
    """The log of IBC that was written last: ``ibc-<version>_{GATEWAY,TWS}-<version>_<weekday>.txt``. Raises Unreadable."""
    found = [Path(entry) for entry in entries(folder) if re.fullmatch(r"ibc-[\w.-]+\.txt", entry.name)]
    return max(found, key=last_written, default=None)
