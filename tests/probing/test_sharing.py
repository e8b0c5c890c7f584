"""Reports that can be given to others: no secret is left, and nothing else has changed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.views.reports import probed, scenario_reports
from twsprobe.capture.model import Chunk, Closed, Note, Opened, Record
from twsprobe.capture.redactor import CannotPromise, Redactor
from twsprobe.capture.seen import seen_in
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.net.script import START, Greet, Raw, Script, notice
from twsprobe.probing import sharing
from twsprobe.probing.sharing import WORDS, learn, shareable, shared
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import Direction

KEY = b"0123456789abcdef"
SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[2] / "docs" / "probe.schema.json").read_text(encoding="utf-8")))


def share(report: dict[str, Any], records: list[Record] | None = None) -> tuple[dict[str, Any], list[Record]]:
    return shared(report, records or [], Redactor(KEY))


def of_host(host: str, address: str = "192.168.77.20") -> dict[str, Any]:
    """A failure at a host, with sentences that name it."""
    report = scenario_reports()["refused"]
    facts = dataclasses.replace(report.observation, target_host=host, address=(address, 7497), local_address=(address, 5000), attempts=())
    report = dataclasses.replace(report, observation=facts, target=f"[{host}]:7497" if ":" in host else f"{host}:7497")
    return report.to_dict() | {
        "local": {"evidence": [{"id": "x", "text": f"{host} is {address}", "raises": [], "lowers": []}], "unread": []}
    }


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "hostile-texts"])  # there a text is an account too
def test_a_report_without_secrets_but_for_the_account_stays_as_it_is(name: str) -> None:
    report = scenario_reports()[name].to_dict()
    found, _ = share(report)
    SCHEMA.validate(found)
    text = json.dumps(found)
    for account in report["server"]["accounts"]:
        assert account not in text
    blank = {"server": None, "observation": None, "settings": None, "local": None}
    assert found | blank == json.loads(json.dumps(report | blank))
    assert found["observation"] == report["observation"] | {"received": "", "redirect": found["observation"]["redirect"]}


def test_what_was_shared_is_as_long_and_as_paper_as_before() -> None:
    report = scenario_reports()["ready"].to_dict()
    found, _ = share(report)
    assert [account[:2] for account in found["server"]["accounts"]] == ["DU"]
    assert len(found["server"]["accounts"][0]) == len(report["server"]["accounts"][0])


@pytest.mark.parametrize("host", ["gw.corp.example", "trading-box-3", "fd00:1234::7"])
def test_a_host_is_replaced_wherever_it_is_named(host: str) -> None:
    report = of_host(host)
    assert json.dumps(report).count(host) >= 3
    text = json.dumps(share(report)[0])
    assert host not in text
    assert "192.168.77.20" not in text
    assert ":7497" in text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "tws", "ib-gateway", "host.docker.internal"])
def test_a_name_that_says_nothing_of_anybody_stays(host: str) -> None:
    report = of_host(host, "127.0.0.1")
    assert share(report)[0] == report


def test_addresses_in_settings_and_in_sentences_are_replaced() -> None:
    report = scenario_reports()["ready"].to_dict()
    report["settings"] = [{"setting": "trustedIPs", "value": ["10.9.8.7", "127.0.0.1"], "verdict": "fine", "meaning": "In: 10.9.8.7."}]
    report["causes"] = [{"id": "x", "remedy": "Add 10.9.8.7 to Trusted IPs.", "evidence": [{"side": "for", "text": "from 10.9.8.7"}]}]
    found, _ = share(report)
    other = found["settings"][0]["value"][0]
    assert other != "10.9.8.7"
    assert found["settings"][0] == {"setting": "trustedIPs", "value": [other, "127.0.0.1"], "verdict": "fine", "meaning": f"In: {other}."}
    assert found["causes"][0]["remedy"] == f"Add {other} to Trusted IPs."
    assert found["causes"][0]["evidence"][0]["text"] == f"from {other}"


def test_folders_of_people_and_of_files_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "home", lambda: ("/srv/people/rosalind", "~"))
    texts = ["/srv/people/rosalind/Jts", "/home/frances/Jts", "/Users/frances/Jts", "C:\\Users\\frances\\Jts", "/home/ibgateway/Jts"]
    report = scenario_reports()["ready"].to_dict() | {"capture": "/home/frances/secret/x.pcapng", "local": {"unread": texts}}
    found, _ = share(report)
    assert found["local"]["unread"] == ["~/Jts", "/home/.../Jts", "/Users/.../Jts", "C:\\Users\\...\\Jts", "/home/ibgateway/Jts"]
    assert found["capture"] == "x.pcapng"
    assert share(report | {"capture": "C:\\frances\\x.pcapng"})[0]["capture"] == "x.pcapng"
    assert share(report | {"capture": None})[0]["capture"] is None


def test_words_of_closed_lists_are_not_searched() -> None:
    redactor = Redactor(KEY)
    redactor.learn("handshake", sharing.RULES["address"])
    found = shareable({"stage": "handshake", "detail": "in handshake"}, redactor)
    assert found["stage"] == "handshake"
    assert found["detail"] != "in handshake"
    assert {"stage", "signature", "id"} <= WORDS


def test_a_secret_of_the_conversation_is_found_in_the_report_too() -> None:
    script = Script(on_start=(*START, notice(2100, "Account U7654321 of jo@example.net at 10.1.2.3")), account_code="DU7654321")
    report, kept = probed(SCENARIOS["ready"], script, sync=True)
    found, records = share(report.to_dict(), kept.records)
    said = json.dumps(found)
    events = [seen.what for seen in seen_in(records)]
    fields = json.dumps([event.fields for event in events if isinstance(event, Decoded)], default=str)
    for secret in ("7654321", "jo@example.net", "10.1.2.3"):
        assert secret in json.dumps(report.to_dict())
        assert secret not in said
        assert secret not in fields
    assert found["server"]["accounts"][0] in fields, "the same for the same"
    assert [type(record) for record in records] == [type(record) for record in kept.records]
    assert [len(one.data) for one in records if isinstance(one, Chunk)] == [len(one.data) for one in kept.records if isinstance(one, Chunk)]


def test_bytes_that_are_not_understood_are_left_out_with_a_note() -> None:
    report, kept = probed(
        SCENARIOS["dialog-pending"], Script(on_offer=(Raw(b"HTTP/1.1 302\r\nLocation: http://secret/\r\n"),)), timeout=1.0
    )
    assert report.observation.received
    found, records = share(report.to_dict(), kept.records)
    assert found["observation"]["received"] == ""
    assert found["observation"]["service"] == "http"
    assert b"secret" not in b"".join(record.data for record in records if isinstance(record, Chunk))
    assert any(isinstance(record, Note) and record.text.startswith("redacted: ") for record in records)


def test_the_ends_of_a_connection_are_replaced() -> None:
    records: list[Record] = [Opened(1, 0, "10.1.2.3:5000", "10.1.2.4:7497")]
    _, found = share(of_host("x-host.example"), records)
    (opened,) = found
    assert isinstance(opened, Opened)
    assert "10.1.2" not in opened.client + opened.server
    assert opened.client.endswith(":5000")


def test_what_cannot_be_made_safe_ends_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Redactor, event: object) -> bytes:
        raise CannotPromise("some reason")

    monkeypatch.setattr(Redactor, "payload", refused)
    report, kept = probed(SCENARIOS["ready"], Script(on_offer=(Greet(),)), timeout=1.0)
    _, found = share(report.to_dict(), kept.records)
    last = found[-1]
    assert isinstance(last, Note)
    assert (last.direction, last.text) == (Direction.TO_CLIENT, "redacted: the rest is left out: some reason")
    assert not any(isinstance(record, Closed | Chunk) for record in found)


def test_learning_changes_nothing() -> None:
    report = of_host("gw.corp.example")
    before = json.dumps(report)
    learn(report, Redactor(KEY))
    assert json.dumps(report) == before
