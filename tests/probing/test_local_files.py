"""Chosen keys leave a file, and nothing else does: not in a result, not in an exception, not in a frame of one."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from types import TracebackType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.probing.local_files import (
    IBC_KEYS,
    JTS_KEYS,
    TAIL,
    Unreadable,
    last_marks,
    local_moment,
    logs,
    newest_ibc_log,
    read_keys,
    settings_file,
    shown_path,
    user_folders,
)

SECRET = "planted-secret"  # noqa: S105  # none: it is planted, and looked for
USER = "milbcblkagmloocjldnbedbojialplcealbooiaf"
JTS_INI = f"""[IBGateway]
WriteDebug=false
TrustedIPs=127.0.0.1,192.0.2.7
ApiOnly=true
LocalServerPort=4000
password={SECRET}
[Logon]
tradingMode=p
TimeZone=America/New_York
Locale=en
UserNameToDirectory={SECRET},{USER};
TrustedIPs=10.0.0.1
s3store=true
[Communication]
Peer=ndc1.ibllc.com:4001
Region={SECRET}
[u:{USER}]
AutoRestart=1
"""
IBC_INI = f"""# a comment with {SECRET}
IbLoginId={SECRET}
IbPassword={SECRET}
FIXPassword={SECRET}
 TradingMode = paper
OverrideTwsApiPort=4002
ReadOnlyApi=yes
AcceptIncomingConnectionAction=reject
AutoRestartTime=11:45 PM
ClosedownAt=Friday 22:00
TrustedTwsApiClientIPs=192.0.2.7 {SECRET}
CommandServerPort=7462{SECRET}
"""


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def held(trace: TracebackType | None) -> str:
    """The locals of every frame of the program in a traceback, as text."""
    found = []
    while trace is not None:
        if "twsprobe" in trace.tb_frame.f_globals.get("__name__", "") and not trace.tb_frame.f_globals["__name__"].startswith("tests"):
            found.append(repr(trace.tb_frame.f_locals))
        trace = trace.tb_next
    assert found
    return "\n".join(found)


def test_keys_of_jts_ini(tmp_path: Path) -> None:
    found = read_keys(written(tmp_path / "jts.ini", JTS_INI), JTS_KEYS)
    first = {"WriteDebug": "false", "TrustedIPs": "127.0.0.1,192.0.2.7", "ApiOnly": "true", "LocalServerPort": "4000"}
    second = {"tradingMode": "p", "TimeZone": "America/New_York", "Locale": "en", "s3store": "true", "Peer": "ndc1.ibllc.com:4001"}
    assert found == first | second
    assert SECRET not in repr(found)


def test_keys_of_ibc(tmp_path: Path) -> None:
    found = read_keys(written(tmp_path / "config.ini", IBC_INI.replace("\n", "\r\n")), IBC_KEYS)
    chosen = {"TradingMode": "paper", "OverrideTwsApiPort": "4002", "ReadOnlyApi": "yes", "AcceptIncomingConnectionAction": "reject"}
    assert found == chosen | {"AutoRestartTime": "11:45 PM", "ClosedownAt": "Friday 22:00"}


@given(content=st.binary(max_size=400))
def test_any_bytes_are_read(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.mktemp("any") / "file", content)
    for keys in (JTS_KEYS, IBC_KEYS):
        assert {key for _, key in keys} >= set(read_keys(path, keys))
    assert settings_file(path).form in ("plain", "encrypted", "other")
    last_marks(path, {"one": b"a"})


def test_no_key_of_a_list_is_one_of_a_secret() -> None:
    names = {key.lower() for keys in (JTS_KEYS, IBC_KEYS) for _, key in keys}
    assert not {name for name in names if any(word in name for word in ("password", "loginid", "username", "token", "secret"))}


def test_a_file_that_fails_halfway_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "config.ini", IBC_INI)
    read = os.read
    calls: list[int] = []

    def fails_second(descriptor: int, size: int) -> bytes:
        calls.append(size)
        if len(calls) % 2 == 0:
            raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, 200)

    monkeypatch.setattr(os, "read", fails_second)
    for reader in (lambda: read_keys(path, IBC_KEYS), lambda: settings_file(path), lambda: last_marks(path, {})):
        with pytest.raises(Unreadable, match="Input/output error") as caught:
            reader()
        assert caught.value.__context__ is None
        assert SECRET not in held(caught.value.__traceback__) + str(caught.value)


def test_a_bug_in_the_loop_leaves_nothing_behind(tmp_path: Path) -> None:
    path = written(tmp_path / "config.ini", f"IbPassword={SECRET}\n")
    with pytest.raises(AttributeError) as caught:
        read_keys(path, {("", 3): None})  # type: ignore[dict-item]  # what no type checker would let through
    assert SECRET not in held(caught.value.__traceback__)


def test_what_is_not_there_and_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_keys(tmp_path / "none" / "jts.ini", JTS_KEYS)
    (tmp_path / "folder.ini").mkdir()
    with pytest.raises(Unreadable):
        read_keys(tmp_path / "folder.ini", JTS_KEYS)
    with pytest.raises(Unreadable):
        read_keys(Path("a\0b"), JTS_KEYS)


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe has a name in the file system only on POSIX")
def test_a_named_pipe_does_not_hold_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jts.ini")
    with pytest.raises(Unreadable, match="not a regular file"):
        read_keys(tmp_path / "jts.ini", JTS_KEYS)


@pytest.mark.parametrize(
    ("content", "form", "api"),
    [
        (b"IBGZENC\x01rest", "encrypted", {}),
        (b"\x00\x01", "other", {}),
        (b"", "other", {}),
        (b"\xef\xbb\xbf<?xml version='1.0'?><x/>", "plain", {}),
        (
            b'<?xml version="1.0"?><JtsSettings><Login user="planted-secret"/><ApiSettings port="4002" readOnlyApi="false" '
            b'masterClientID="7" trustedIPs="192.0.2.7,10.0.0.1" socketClient="planted-secret" key="planted-secret"/></JtsSettings>',
            "plain",
            {"port": "4002", "read-only": "false", "master-client-id": "7", "trusted": "192.0.2.7,10.0.0.1"},
        ),
    ],
)
def test_the_form_of_a_settings_file(content: bytes, form: str, api: dict[str, str], tmp_path: Path) -> None:
    found = settings_file(written(tmp_path / "ibg.xml", content))
    assert (found.name, found.form, dict(found.api)) == ("ibg.xml", form, api)
    assert SECRET not in repr(found)


def test_names_of_logs(tmp_path: Path) -> None:
    folder = tmp_path / USER
    for name in ("ibgateway.20260102.030405.ibgzenc", "ibgateway.20260101.030405.ibgzenc", "tws.20269999.000000.ibgzenc"):
        written(folder / name, b"")
    for name in ("api.7.20260102.100521.ibgzenc", "api.123.Thu.log", "api.x.Thu.log", "api.7.20260101.100521.ibgzenc"):
        written(folder / name, b"")
    os.utime(folder / "api.7.20260101.100521.ibgzenc", (1.0, 1.0))
    (tmp_path / "ibgateway").mkdir()
    (tmp_path / "1030").mkdir()
    assert set(user_folders(tmp_path)) == {folder, tmp_path / "ibgateway"}
    found = logs(user_folders(tmp_path))
    assert found.started == time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))
    assert set(found.clients) == {7, 123}
    assert found.clients[7] > 1.0
    assert logs([tmp_path / "none"]).started is None
    assert local_moment("20261399000000") is None


def test_marks_in_the_order_of_their_last_places(tmp_path: Path) -> None:
    path = written(tmp_path / "log", b"one\n" + b"x" * TAIL + b"two\nthree\ntwo " + SECRET.encode())
    assert last_marks(path, {"a": b"one", "b": b"two", "c": b"three", "d": b"four"}) == ("c", "b")


def test_the_newest_log_of_ibc(tmp_path: Path) -> None:
    assert newest_ibc_log(tmp_path / "none") is None
    for index, day in enumerate(("Monday", "Tuesday")):
        os.utime(written(tmp_path / f"ibc-3.24.0_GATEWAY-1030_{day}.txt", b""), (1000.0 + index, 1000.0 + index))
    written(tmp_path / "notes.txt", b"")
    assert newest_ibc_log(tmp_path) == tmp_path / "ibc-3.24.0_GATEWAY-1030_Tuesday.txt"


def test_the_home_folder_is_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert shown_path(tmp_path / "Jts") == f"~{os.sep}Jts"
    assert shown_path(tmp_path.with_name(tmp_path.name + "x")) == str(tmp_path) + "x"
