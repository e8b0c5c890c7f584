"""What settings and logs say about a target, and when they do not count."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from tests.net.fake_system import GATEWAY, TWS, FakeSystem, java, listener
from tests.probing.machines import NOW, found, machine_of, seen
from tests.probing.test_local_files import USER, written
from twsprobe.net.local_system import Process
from twsprobe.probing.causes import rank
from twsprobe.probing.judgement import RankedCause
from twsprobe.probing.local_table import pieces
from twsprobe.probing.local_table_settings import minutes_of_day
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Signature

LAN = seen(Signature.SILENT_HANDSHAKE, peer="192.0.2.1")
SILENT = seen(Signature.SILENT_HANDSHAKE)


class Home:
    """A home folder and a Gateway under IBC (or a TWS) that listens on port 4002."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.main_class, self.listens = GATEWAY, True
        self.jts("[IBGateway]\nTrustedIPs=127.0.0.1\n")

    def jts(self, content: str) -> Home:
        written(self.folder / "Jts" / "jts.ini", content)
        return self

    def ibc(self, content: str) -> Home:
        written(self.folder / "ibc" / "config.ini", content)
        return self

    def settings(self, name: str, content: str | bytes) -> Home:
        written(self.folder / "Jts" / USER / name, content)
        return self

    def log(self, path: str, content: bytes = b"", age: float = 60) -> Home:
        os.utime(written(self.folder / path, content), (NOW - age, NOW - age))
        return self

    @property
    def system(self) -> FakeSystem:
        return FakeSystem(
            all_sockets=(listener(4002, 7),) if self.listens else (),
            all_processes=(Process(7, "java", NOW - 600),),
            command_lines={7: java(self.main_class, folder=str(self.folder / "Jts"))},
        )

    def texts(self, observation: Observation) -> dict[str, str]:
        return found(observation, self.system, self.folder)

    def first(self, observation: Observation) -> str:
        return rank(observation, pieces(machine_of(observation, self.system, self.folder)))[0].id


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_trusted_addresses_of_a_gateway(home: Home) -> None:
    assert home.texts(LAN)["trusted-missing"] == "192.0.2.1 is not among the trusted addresses (127.0.0.1)."
    home.jts("[IBGateway]\nTrustedIPs=127.0.0.1,192.0.2.1\n")
    texts = home.texts(LAN)
    assert texts["trusted-listed"] == "192.0.2.1 is among the trusted addresses (127.0.0.1,192.0.2.1)."
    assert "trusted-missing" not in texts
    assert "trusted-missing-ipv6" in home.texts(seen(Signature.SILENT_HANDSHAKE, peer="::1"))
    assert not [name for name in home.texts(SILENT) if name == "trusted-missing"]


def test_tws_keeps_its_trusted_addresses_elsewhere(home: Home) -> None:
    home.main_class = TWS
    assert not [name for name in home.texts(LAN) if name.startswith("trusted")]
    home.settings("tws.xml", '<ApiSettings trustedIPs="10.0.0.1" allowOnlyLocalhost="true" socketClient="false" port="4002"/>')
    texts = home.texts(LAN)
    assert "10.0.0.1" in texts["trusted-missing"]
    assert texts["localhost-only"] == 'tws.xml has "Allow connections from localhost only" ticked.'
    assert texts["api-off"]
    assert texts["port-same"] == "tws.xml sets the API port to 4002."
    assert texts["settings-plain"] == "tws.xml says of the API: trusted 10.0.0.1, localhost-only true, enabled false, port 4002."


@pytest.mark.parametrize(("action", "cause"), [("", "dialog-pending"), ("manual", "dialog-pending"), ("reject", "dialog-refused")])
def test_what_ibc_does_about_the_dialog(action: str, cause: str, home: Home) -> None:
    home.ibc(f"AcceptIncomingConnectionAction={action}\n" if action else "TradingMode=paper\n")
    assert f"incoming-{action or 'manual'}" in home.texts(LAN)
    signature = Signature.SILENT_HANDSHAKE if cause == "dialog-pending" else Signature.CLOSED_AFTER_PREFIX
    ranked = rank(seen(signature, peer="192.0.2.1"), pieces(machine_of(seen(signature, peer="192.0.2.1"), home.system, home.folder)))
    assert cause in [each.id for each in ranked[:2]]
    home.ibc("AcceptIncomingConnectionAction=accept\n")
    assert "incoming-accept" in home.texts(LAN)


def test_ibc_counts_only_for_what_ibc_started(home: Home) -> None:
    home.ibc("AcceptIncomingConnectionAction=reject\nOverrideTwsApiPort=4001\n")
    home.main_class = "install4j.ibgateway.GWClient"
    assert not {"incoming-reject", "port-differs", "jts-rewritten"} & set(home.texts(LAN))
    home.main_class = GATEWAY
    assert {"incoming-reject", "port-differs", "jts-rewritten"} <= set(home.texts(LAN))


def test_port_and_mode(home: Home) -> None:
    home.jts("[Logon]\ntradingMode=l\n")
    assert home.texts(SILENT)["mode-differs"] == "jts.ini (tradingMode) says live, and port 4002 is by convention the paper one."
    home.ibc("TradingMode=paper\nOverrideTwsApiPort=4002\n")
    texts = home.texts(SILENT)
    assert texts["mode-same"] == "IBC's config.ini (TradingMode) says paper, as the port does."
    assert texts["port-same"] == "IBC's config.ini (OverrideTwsApiPort) sets the API port to 4002."
    assert "mode-same" not in home.texts(seen(Signature.READY, accounts=("DU1",)))
    home.listens = False
    home.ibc("OverrideTwsApiPort=4007\n")
    assert home.texts(seen(Signature.TCP_REFUSED))["port-differs"].endswith("sets the API port to 4007, not 4002.")


def test_read_only_counts_where_it_bears_on_the_end(home: Home) -> None:
    home.ibc("ReadOnlyApi=yes\n")
    assert "read-only" not in home.texts(SILENT)
    assert "read-only" in home.texts(seen(Signature.SYNC_STALLED))
    assert "read-only-api" in [each.id for each in rank_of(seen(Signature.READY), home)]
    assert "read-only" in home.texts(seen(Signature.REJECTED, notices=((321, ""),)))


def rank_of(observation: Observation, home: Home) -> tuple[RankedCause, ...]:
    return rank(observation, pieces(machine_of(observation, home.system, home.folder)))


def test_other_keys_of_ibc(home: Home) -> None:
    now = datetime.datetime.fromtimestamp(NOW - 300)
    home.ibc(f"FIX=yes\nCommandServerPort=4002\nOverrideTwsMasterClientID=7\nAutoRestartTime={now:%I:%M %p}\n")
    texts = home.texts(seen(Signature.SILENT_HANDSHAKE, client_id=7))
    assert {"fix-login", "command-port", "master-id", "scheduled"} <= set(texts)
    home.listens = False
    assert "session-manual" in home.texts(seen(Signature.TCP_REFUSED))
    home.ibc("AutoRestartTime=11:99\n")
    assert "scheduled" not in home.texts(SILENT)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("23:45", 1425), ("11:45 PM", 1425), ("12:05 AM", 5), ("Friday 22:00", 1320), ("07:05:30", 425), ("25:00", None), ("", None)],
)
def test_times_of_the_day(text: str, minutes: int | None) -> None:
    assert minutes_of_day(text) == minutes


def test_traps_are_said(home: Home) -> None:
    home.jts("[IBGateway]\nLocalServerPort=4000\nApiOnly=false\n[Logon]\nuseRemoteSettings=true\n")
    home.ibc("TradingMode=paper\n").settings("ibg.xml", '<ApiSettings port="4002"/>')
    texts = home.texts(SILENT)
    assert texts["local-server-port"] == "jts.ini has LocalServerPort=4000; that is a FIX Gateway's port, not the API's."
    assert {"jts-rewritten", "settings-remote", "fix-login", "bound-everywhere"} <= set(texts)
    traps = {piece.id: piece for piece in pieces(machine_of(SILENT, home.system, home.folder))}
    assert all(not traps[name].raises and not traps[name].lowers for name in ("local-server-port", "jts-rewritten", "bound-everywhere"))
    home.settings("ibg.xml", b"IBGZENC rest")
    assert home.texts(SILENT)["settings-encrypted"].startswith("ibg.xml is encrypted")


def test_logs_of_the_program_and_of_clients(home: Home) -> None:
    start = datetime.datetime.fromtimestamp(NOW - 60)
    home.log(f"Jts/{USER}/ibgateway.{start:%Y%m%d.%H%M%S}.ibgzenc").log(f"Jts/{USER}/api.9.20260101.000000.ibgzenc")
    silent_start = seen(Signature.SILENT_START, client_id=7, start_sent=True)
    texts = home.texts(silent_start)
    assert texts["restarted"] == "A new log of the application was begun 60 s ago, so it was started then."
    assert texts["client-not-logged"].endswith("none for client id 7: startApi was not processed.")
    assert texts["clients-logged"] == "Client ids with a log of the last 24 hours: 9."
    assert home.first(silent_start) == "api-not-accepted"
    home.log(f"Jts/{USER}/api.7.20260101.000000.ibgzenc", age=1)
    texts = home.texts(silent_start)
    assert "client-logged" in texts
    assert "client-not-logged" not in texts


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        (b"IBC: detected dialog entitled: Existing session detected; event=Opened\n", "ibc-existing-session"),
        (b"entitled: Existing session detected\nIBC: Login has completed\n", "ibc-login-completed"),
        (b"IBC: Login has completed\nIBC: detected dialog entitled: Re-login is required\n", "ibc-re-login"),
    ],
)
def test_the_last_mark_of_a_log_counts(content: bytes, piece: str, home: Home) -> None:
    log = "ibc/logs/ibc-3.24.0_GATEWAY-1030_Monday.txt"
    home.ibc("TradingMode=paper\n").log(log, content)
    assert [name for name in home.texts(SILENT) if name.startswith("ibc-")] == [piece]
    home.log(log, content, age=6000)  # before the application was started
    assert not [name for name in home.texts(SILENT) if name.startswith("ibc-")]


def test_the_launcher_s_log(home: Home) -> None:
    home.log("Jts/launcher.log", b"AuthTimeoutMonitor-CCP: activate\nAuthTimeoutMonitor-CCP: Timeout!\n")
    home.listens = False
    assert "launcher-login-timeout" in home.texts(seen(Signature.TCP_REFUSED))
    assert home.first(seen(Signature.TCP_REFUSED)) == "login-unfinished"


def test_settings_of_nobody_known_count_for_nothing(home: Home) -> None:
    system = FakeSystem(all_sockets=(listener(4002, 9),), all_processes=(Process(9, "socat", NOW),))
    texts = found(LAN, system, home.folder)
    assert "settings-foreign" in texts
    assert not [name for name in texts if name.startswith(("trusted", "mode", "incoming"))]
