"""``twsprobe probe``: targets, options, outputs, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, PROGRAM, environment, served
from tests.views.hostile import HOSTILE, HUGE, encodable, live
from tests.views.reports import hostile_script, scenario_reports
from tests.views.test_probe import PERFDATA
from twsprobe.capture.model import Close, Closed, Opened
from twsprobe.capture.reading import open_capture
from twsprobe.cli.exits import ExitCode
from twsprobe.cli.probe import WARNING_SIGNATURES, exit_code
from twsprobe.net.listeners import Listener
from twsprobe.net.policy import ALLOWED
from twsprobe.net.script import START, Script, notice
from twsprobe.probing import targets
from twsprobe.probing.observation import ApiPort
from twsprobe.probing.options import OFFERS
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.wire.events import Decoded, Event, VersionOffered

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[2] / "docs" / "probe.schema.json").read_text(encoding="utf-8")))
FAMILY = "\U0001f468\u200d\U0001f469"


@pytest.fixture(scope="module")
def ready() -> Iterator[int]:
    """The port of a server that is well."""
    with served() as port:
        yield port


@pytest.fixture
def refused() -> Iterator[int]:
    """A port on which nothing listens."""
    with served("refused") as port:
        yield port


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of ``--json``, one a line, each as the schema wants it."""
    assert text.isascii()
    assert not live(text)
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        SCHEMA.validate(each)
    return found


def test_a_run_as_a_person_sees_it(ready: int, ran: Run) -> None:
    found = ran("probe", f"127.0.0.1:{ready}")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0] == f"127.0.0.1:{ready}  offering v100..226 as a random client id"
    assert [line.split()[:2] for line in lines[1:6]] == [["ok", stage] for stage in ("resolve", "connect", "handshake", "start", "ready")]
    assert lines[7] == f"PASS  The API on 127.0.0.1, port {ready}, is ready for clients."
    assert lines[-1] == "1 connection opened and closed"
    assert not live(found.out)


def test_a_failure_as_a_person_sees_it(ran: Run) -> None:
    with served("client-id-in-use") as port:
        found = ran("probe", str(port), "--client-id", "7")
    assert (found.code, found.err) == (Signature.CLIENT_ID_IN_USE.exit_code, "")
    assert "FAIL  Client id 7 is in use by another connection." in found.out.splitlines()
    assert "What to do" in found.out.splitlines()
    assert "notices         326 Unable to connect as the client id is already in use." in found.out


def test_frames_are_shown_on_request(ready: int, ran: Run) -> None:
    assert "<<<" not in ran("probe", str(ready)).out
    lines = ran("probe", str(ready), "-v", "--client-id", "5").out.splitlines()
    frames = [line.strip() for line in lines if line.strip()[:3] in ("<<<", ">>>")]
    assert frames[0] == ">>> version offer  v100..226"
    assert frames[1].startswith("<<< greeting  server version 226, 20")
    assert ">>> startApi  clientId=5" in frames
    assert "<<< nextValidId  orderId=8" in frames
    at = next(index for index, line in enumerate(lines) if "handshake" in line)
    assert lines.index("        >>> version offer  v100..226") < at, "frames are shown as they pass"


@pytest.mark.parametrize("version", [100, 176, 201, 226])
def test_sync_and_config(version: int, ran: Run) -> None:
    with served(server_version=version) as port:
        found = ran("probe", str(port), "--sync", "--config")
        seen = objects(ran("probe", str(port), "--sync", "--config", "--json").out)[0]
    assert found.code == 0
    assert "  ok   sync" in found.out
    assert "reqPositions: 4 messages, then positionEnd" in found.out
    assert all(step["ok"] for step in seen["sync"])
    assert bool(seen["settings"]) == ("API settings" in found.out) == (version >= 219)
    assert [stage["name"] for stage in seen["stages"]][-2:] == ["sync", "config"]


def test_json_is_one_object_and_nothing_else(ready: int, ran: Run) -> None:
    found = ran("probe", str(ready), "--json", "-v")
    assert (found.code, found.err) == (0, "")
    assert found.out.count("\n") == 1
    seen = objects(found.out)[0]
    assert (seen["ok"], seen["signature"], seen["stage"], seen["layer"]) == (True, "ready", None, None)
    assert seen["target"] == seen["address"] == f"127.0.0.1:{ready}"
    assert seen["server"]["accounts"] == ["DU1234567"]
    assert seen["connections_opened"] == 1
    assert seen["capture"] is None


def test_a_retry_is_announced_within_80_columns(ran: Run) -> None:
    with served("client-id-bare-close") as port:
        found = ran("probe", str(port), "--client-id", "7", "-v")
    assert found.code == Signature.CLOSED_AFTER_START.exit_code
    assert "trying once more with client id" in " ".join(found.out.split())
    assert "2 connections opened and closed" in found.out
    assert all(len(line) <= 80 for line in found.out.splitlines())


class Offers:
    """The offers that clients make to a server."""

    def __init__(self) -> None:
        self.seen: list[VersionOffered] = []

    def __call__(self, number: int, event: Event) -> None:
        if isinstance(event, VersionOffered):
            self.seen.append(event)


@pytest.mark.parametrize(
    ("arguments", "minimum", "maximum", "options"),
    [
        ((), 100, 226, ""),
        (("--offer", "157..178"), 157, 178, ""),
        (("--offer", "v157..178"), 157, 178, ""),
        (("--offer", "176"), 176, 176, ""),
        (("--offer", "176..176", "--connect-options", "+PACEAPI"), 176, 176, "+PACEAPI"),
        *(((("--as", client)), low, high, "") for client, (low, high) in OFFERS.items()),
    ],
)
def test_what_is_offered(arguments: tuple[str, ...], minimum: int, maximum: int, options: str, ran: Run) -> None:
    offers = Offers()
    with served(observer=offers) as port:
        found = ran("probe", str(port), *arguments)
    assert found.code == 0
    assert f"offering v{minimum}{'' if arguments[:2] == ('--offer', '176') else f'..{maximum}'} as" in found.out
    assert [(offer.minimum, offer.maximum, offer.connect_options) for offer in offers.seen] == [(minimum, maximum, options)]


def test_times_of_stages(ran: Run) -> None:
    with served("dialog-pending") as port:
        found = ran("probe", str(port), "--json", "--handshake-timeout", "0.2", "--timeout", "20")
        seen = objects(found.out)[0]
        assert found.code == Signature.SILENT_HANDSHAKE.exit_code
        assert 200 <= seen["stages"][-1]["elapsed_ms"] < 1200
        seen = objects(ran("probe", str(port), "--json", "--timeout", "0.2").out)[0]
        assert sum(stage["elapsed_ms"] for stage in seen["stages"]) < 1200
    with served("sync-positions") as port:
        found = ran("probe", str(port), "--json", "--sync", "--sync-timeout", "0.1")
    assert found.code == Signature.SYNC_STALLED.exit_code
    assert [step["request"] for step in objects(found.out)[0]["sync"] if not step["ok"]] == ["reqPositions"]


def test_times_without_end_are_taken(ready: int, ran: Run) -> None:
    assert ran("probe", str(ready), "--timeout", "inf", "--start-timeout", "inf").code == 0


@pytest.mark.parametrize(
    ("target", "shown"),
    [("127.0.0.1:{}", "127.0.0.1:{}"), ("{}", "127.0.0.1:{}"), ("localhost:{}", "localhost:{}"), ("[127.0.0.1]:{}", "127.0.0.1:{}")],
)
def test_forms_of_a_target(target: str, shown: str, ready: int, ran: Run) -> None:
    seen = objects(ran("probe", target.format(ready), "--json").out)[0]
    assert seen["target"] == shown.format(ready)
    assert seen["ok"]


def test_an_ipv6_target_stands_in_brackets_everywhere(tmp_path: Path, ran: Run) -> None:
    try:
        with served(host="::1") as port:
            path = tmp_path / "x.jsonl"
            found = ran("probe", f"[::1]:{port}", "--record", str(path))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert found.out.startswith(f"[::1]:{port}  offering")
    with open_capture(path) as capture:
        assert capture.header["target"] == f"[::1]:{port}"


def test_an_unresolved_name(ran: Run) -> None:
    found = ran("probe", "tws.invalid:7497", "--json", "--timeout", "5")
    assert found.code == Signature.NAME_UNRESOLVED.exit_code
    seen = objects(found.out)[0]
    assert (seen["signature"], seen["connections_opened"]) == ("name-unresolved", 0)


@pytest.mark.parametrize("signature", list(Signature), ids=lambda signature: signature.value)
def test_exit_codes_of_every_signature(signature: Signature) -> None:
    report = next(report for report in scenario_reports().values() if report.signature is signature)
    assert exit_code(report, "signature") == signature.exit_code
    assert exit_code(report, "docker") == (0 if signature is Signature.READY else 1)
    usable = {Signature.BACKEND_LOST, Signature.SYNC_STALLED, Signature.CLOSED_DURING_SYNC}
    assert usable == WARNING_SIGNATURES
    assert exit_code(report, "nagios") == (0 if signature is Signature.READY else 1 if signature in usable else 2)


@pytest.mark.parametrize(
    ("scenario", "code", "word"),
    [("ready", 0, "OK"), ("link-lost", 1, "WARNING"), ("rejected", 2, "CRITICAL"), ("refused", 2, "CRITICAL")],
)
def test_the_style_of_a_monitoring_plug_in(scenario: str, code: int, word: str, ran: Run) -> None:
    with served(scenario) as port:
        found = ran("probe", str(port), "--exit-style", "nagios", "-v")
    assert (found.code, found.err) == (code, "")
    assert found.out.count("\n") == 1
    text, _, perfdata = found.out.rstrip("\n").partition(" | ")
    assert text.startswith(f"TWS {word} - 127.0.0.1:{port} ")
    assert all(PERFDATA.fullmatch(value) for value in perfdata.split(" "))
    assert perfdata.startswith("resolve=0.0")


@pytest.mark.parametrize(("scenario", "code"), [("ready", 0), ("link-lost", 1), ("refused", 1)])
def test_the_style_of_a_container_check(scenario: str, code: int, ran: Run) -> None:
    with served(scenario) as port:
        found = ran("probe", str(port), "--exit-style", "docker")
    assert found.code == code
    assert ("PASS" if code == 0 else "FAIL") in found.out


def test_several_targets_at_once(ready: int, refused: int, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "x.jsonl"
    with served("rejected") as rejected, served("client-id-bare-close") as bare, served() as other:
        ports = [ready, rejected, refused, bare, other]
        found = ran("probe", *map(str, ports), "--client-id", "7", "--json", "--record", str(path))
        people = ran("probe", *map(str, ports), "--client-id", "7")
    seen = objects(found.out)
    assert [each["target"] for each in seen] == [f"127.0.0.1:{port}" for port in ports]
    assert [each["signature"] for each in seen] == ["ready", "rejected", "tcp-refused", "closed-after-start", "ready"]
    assert found.code == people.code == Signature.REJECTED.exit_code, "the first that failed"
    assert {each["capture"] for each in seen} == {str(path)}
    with open_capture(path) as capture:
        assert capture.header["target"] == ", ".join(f"127.0.0.1:{port}" for port in ports)
        records = list(capture)
    opened = {record.connection: record.server for record in records if isinstance(record, Opened)}
    assert opened == dict(zip((1, 3, 7, 8, 9), (f"127.0.0.1:{port}" for port in (ready, rejected, bare, bare, other)), strict=True))
    assert Close.REFUSED in [record.how for record in records if isinstance(record, Closed) and record.connection == 5]
    heads = re.findall(r"(?m)^(127\.0\.0\.1:\d+|PASS|FAIL)(?:  .*)?$", people.out)
    verdicts = ["PASS", "FAIL", "FAIL", "FAIL", "PASS"]
    assert heads == [head for port, verdict in zip(ports, verdicts, strict=True) for head in (f"127.0.0.1:{port}", verdict)]


def test_several_targets_that_are_well(ready: int, ran: Run) -> None:
    assert ran("probe", str(ready), str(ready)).code == 0
    lines = ran("probe", str(ready), str(ready), "--exit-style", "nagios").out.splitlines()
    assert [line.partition(" - ")[0] for line in lines] == ["TWS OK", "TWS OK"]


def listening(monkeypatch: pytest.MonkeyPatch, found: list[Listener] | None) -> None:
    """This machine listens where a test says."""
    monkeypatch.setattr(targets, "listening", lambda: found)
    ports = {each.port: ApiPort("tws", "paper", False) for each in found or ()}
    monkeypatch.setattr(targets, "API_PORTS", ports)


def test_without_a_target_what_listens_is_probed(ready: int, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(monkeypatch, [Listener("::", ready), Listener("127.0.0.1", ready)])
    found = ran("probe")
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0] == f"Found TWS paper listening on port {ready}."
    assert lines[1].startswith(f"127.0.0.1:{ready}  offering")
    assert [each["target"] for each in objects(ran("probe", "--json").out)] == [f"127.0.0.1:{ready}"]
    assert ran("probe", "--exit-style", "nagios").out.count("\n") == 1


def test_without_a_target_each_that_listens_is_probed(ready: int, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with served("rejected") as other:
        listening(monkeypatch, [Listener("127.0.0.1", other), Listener("127.0.0.1", ready)])
        found = ran("probe", "--json")
    assert [each["target"] for each in objects(found.out)] == [f"127.0.0.1:{other}", f"127.0.0.1:{ready}"]
    assert found.code == Signature.REJECTED.exit_code


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        ((), Signature.TCP_REFUSED.exit_code, "Nothing listens on the API ports of this machine", ""),
        (("--exit-style", "docker"), 1, "Nothing listens on the API ports of this machine", ""),
        (("--exit-style", "nagios"), 2, "TWS CRITICAL - Nothing listens on the API ports of this machine", ""),
        (("--json",), Signature.TCP_REFUSED.exit_code, "", "twsprobe: Nothing listens on the API ports of this machine"),
    ],
)
def test_nothing_listens(arguments: tuple[str, ...], code: int, out: str, err: str, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(monkeypatch, [])
    found = ran("probe", *arguments)
    assert found.code == code
    for seen, wanted in ((found.out, out), (found.err, err)):
        assert bool(seen) == bool(wanted)
        assert seen.startswith(wanted)
    if not arguments:
        assert all(len(line) <= 80 for line in found.out.splitlines())
    if "nagios" in arguments:
        assert PERFDATA.fullmatch(found.out.rstrip("\n").partition(" | ")[2])


def test_a_system_that_does_not_say_what_listens(ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(monkeypatch, None)
    found = ran("probe")
    assert found.code == ExitCode.USAGE
    assert "name a TARGET" in found.err


def test_a_recording_holds_the_session(ready: int, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "x.jsonl"
    found = ran("probe", str(ready), "--record", str(path))
    assert found.code == 0
    assert found.out.endswith(f"1 connection opened and closed\nrecorded in {path}\n")
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    decoded = ran("decode", str(path), "--json")
    assert decoded.code == 0
    names = [each.get("name") or each["event"] for each in map(json.loads, decoded.out.splitlines())]
    assert names[:6] == ["opened", "version_offer", "greeting", "startApi", "managedAccounts", "nextValidId"]


def test_a_recording_never_replaces_a_file(ready: int, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("mine")
    found = ran("probe", str(ready), "--record", str(path))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: {path}: the file exists and is not overwritten: choose another name, or remove it first\n"
    assert path.read_text() == "mine"


def test_a_recording_in_a_folder_that_is_not_there(ready: int, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "missing" / "x.jsonl"
    found = ran("probe", str(ready), "--record", str(path))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: {path}: No such file or directory\n"


@pytest.mark.skipif(os.name == "nt", reason="sets no limit on the size of files")
def test_a_recording_that_hits_a_full_disk(ready: int, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900)); from twsprobe.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", limit, "probe", str(ready), "--record", str(path)],
        capture_output=True,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        timeout=PATIENCE,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == ExitCode.IO_FAILED
    assert re.fullmatch(rf"twsprobe: {re.escape(str(path))}: could not be written at byte \d+: File too large\n", done.stderr)
    assert "bug" not in done.stdout


def test_only_requests_that_read_ever_leave(ran: Run) -> None:
    """Whatever the command line says, the server sees nothing but the handshake and the messages of the allow-list."""
    sent: list[Event] = []
    wishes = (
        (),
        ("--sync", "--config", "--json", "-v"),
        ("--sync", "--client-id", "0"),
        ("--sync", "--offer", "100..157"),
        ("--sync", "--offer", "226", "--config"),
        ("--sync", "--connect-options", "+PACEAPI placeOrder 3 cancelOrder 4 reqGlobalCancel 58"),
    )
    for scenario in ("ready", "client-id-bare-close", "odd-frame-first", "sync-open-orders", "link-lost"):
        with served(scenario, observer=lambda _, event: sent.append(event)) as port:
            for wish in wishes:
                assert ran("probe", str(port), "--sync-timeout", "0.05", *wish).code < 40
    assert len(sent) > 200
    for event in sent:
        assert isinstance(event, VersionOffered) or (isinstance(event, Decoded) and event.name in ALLOWED), event


STYLES = (
    (),
    ("-v", "--sync", "--config", "--client-id", "7"),
    ("--json", "--sync", "--config"),
    ("--exit-style", "nagios"),
    ("--exit-style", "docker", "-v"),
)


def inert(ran: Run, port: int, *arguments: str) -> str:
    """Run a probe of a hostile server and check what it printed."""
    found = ran("probe", str(port), "--timeout", "2", *arguments)
    assert found.code != ExitCode.BUG, found.err
    assert found.err == ""
    assert not live(found.out)
    return found.out


@pytest.mark.parametrize("text", [*HUGE[:2], "\x1b[2J\x1b]0;x\x07[/x]\r\nPASS\u202e" + FAMILY, "[link=x]\\{0}%s|'=1"])
def test_hostile_sessions_do_nothing(text: str, tmp_path: Path, ran: Run) -> None:
    with served(hostile_script(text)) as port:
        for arguments in STYLES:
            out = inert(ran, port, *arguments)
            if "--json" in arguments:
                assert objects(out)[0]["notices"][-2]["text"] == text
            elif "nagios" in arguments:
                assert out.count("\n") == 1
        inert(ran, port, str(port), "--record", str(tmp_path / "x.jsonl"))


def test_every_hostile_text_as_a_notice_does_nothing(ran: Run) -> None:
    texts = [encodable(text) for text in HOSTILE]
    with served(Script(on_start=(*(notice(2100 + index, text) for index, text in enumerate(texts)), *START))) as port:
        for arguments in STYLES:
            out = inert(ran, port, *arguments)
            if "--json" in arguments:
                assert [each["text"] for each in objects(out)[0]["notices"]][: len(texts)] == texts


@pytest.mark.parametrize(
    "name", ["hostile-texts", "http", "tls", "ssh", "vnc", "redirect", "oversize-length", "zone-gbk", "malformed-order-id"]
)
def test_scenarios_of_odd_bytes_do_nothing(name: str, ran: Run) -> None:
    with served(name) as port:
        for arguments in STYLES[1:3]:
            inert(ran, port, *arguments)


def on_a_terminal(*arguments: str, **changes: str) -> str:
    """What a command line prints on a terminal."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen([*PROGRAM, *arguments], stdout=theirs, stderr=theirs, stdin=theirs, env=environment(**changes)) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # how Linux tells that nobody writes any more
                break
            if not data:
                break
            told += data
        os.close(ours)
        process.wait(PATIENCE)
    return told.decode("utf-8").replace("\r\n", "\n")


@pytest.mark.skipif(os.name == "nt", reason="has no pseudo-terminals")
def test_colours_on_a_terminal(ran: Run) -> None:
    with served("hostile-texts") as port:
        seen = on_a_terminal("probe", str(port), "-v", "--sync", TERM="xterm-256color")
        assert "\x1b[32m\x1b[1mPASS  \x1b[0m" in seen
        assert not live(seen, coloured=True, allowed="\n\r")
        assert "        handshake  ..." in seen, "the present stage is shown while it runs"
        for changes in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}):
            seen = on_a_terminal("probe", str(port), **changes)
            assert "PASS  " in seen
            assert not live(seen, allowed="\n\r")
        assert not live(ran("probe", str(port)).out)


def test_the_stages_with_a_time_of_their_own_are_options(ran: Run) -> None:
    text = ran("probe", "--help").out
    for stage in Stage:
        assert (f"--{stage.value}-timeout" in text) == (stage not in (Stage.RESOLVE, Stage.CONFIG))


@pytest.mark.parametrize(("option", "looked"), [((), True), (("--local",), True), (("--no-local",), False)])
def test_this_machine_is_looked_at_after_a_failure(option: tuple[str, ...], looked: bool, refused: int, ran: Run) -> None:
    code, out, err = ran("probe", f"127.0.0.1:{refused}", *option)
    assert code == Signature.TCP_REFUSED.exit_code, err
    assert ("On this machine" in out) is looked


def test_this_machine_is_looked_at_after_a_session_on_request_only(ready: int, ran: Run) -> None:
    for option, looked in (((), False), (("--local",), True)):
        code, out, err = ran("probe", "--json", f"127.0.0.1:{ready}", *option)
        (report,) = objects(out)
        assert code == 0, err
        assert (report["local"] is not None) is looked
        assert report["connections_opened"] == 1
