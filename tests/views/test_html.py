"""The page of a report: well formed, complete, and inert whatever a peer or a file put into it."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import socket
import subprocess
import threading
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.views.hostile import HOSTILE, HUGE, encodable, live
from tests.views.reports import Kept, hostile_script, probed
from twsprobe.capture.model import Chunk, Note, Opened, Record
from twsprobe.capture.seen import seen_in
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.net.script import Raw, Script
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.sharing import WORDS
from twsprobe.views.html import POLICY, page
from twsprobe.wire.framing import Direction

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # an old package, which newer Pythons complain about
    import html5lib

ENVIRONMENT = {"twsprobe": "0.1", "Python": "3.11.7 (CPython)"}
MADE = "2025-01-02 03:04:05 UTC"
_TAGS = """
    html head meta title style body header main section footer div span strong small h1 h2 h3 p dl dt dd ul ol li article code pre table
    tbody tr th td details summary svg line path rect text tspan"""
_ATTRIBUTES = "lang charset http-equiv content name class role aria-label height width x y x1 x2 y1 y2 dx d rx text-anchor overflow"
TAGS, ATTRIBUTES = frozenset(_TAGS.split()), frozenset(_ATTRIBUTES.split())
PATIENCE = 60.0


def shown(report: dict[str, Any], records: list[Record], **changes: Any) -> str:
    """The page of a report and a conversation."""
    return page(report, seen_in(records), **{"environment": ENVIRONMENT, "made": MADE, "redacted": True, **changes})


@functools.cache
def scenario(name: str) -> tuple[ProbeReport, Kept]:
    return probed(SCENARIOS[name], sync=True, config=True)


class Reader(HTMLParser):
    """Notes the tags, the attributes and the texts of a page, and each drawing as it stands in the source."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def assert_sound(text: str, *, drawn: bool = True) -> Reader:
    """A page that an HTML5 parser has no complaint about, whose drawings are XML, and in which nothing can act or call."""
    html5lib.HTMLParser(strict=True).parse(text)
    drawings = re.findall(r"<svg\b(?:(?!<svg|</svg>).|<svg\b.*?</svg>)*</svg>", text, re.DOTALL)
    assert bool(drawings) is drawn
    for drawing in drawings:
        ElementTree.fromstring(drawing)  # noqa: S314  # a drawing of ours, without a document type
    reader = Reader(text)
    assert reader.tags <= TAGS
    for tag, name, value in reader.attributes:
        assert name in ATTRIBUTES, (tag, name)
        assert "javascript:" not in value
        assert "//" not in value
    assert not live(text), live(text)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]
    return reader


def prose(reader: Reader) -> str:
    return " ".join(" ".join(reader.texts).split())


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_page_of_a_scenario_is_sound_and_says_what_was_found(name: str) -> None:
    report, kept = scenario(name)
    found = report.to_dict()
    text = prose(assert_sound(shown(found, kept.records)))
    assert found["summary"] in text
    for stage in found["stages"]:
        assert stage["name"] in text
        assert " ".join(stage["detail"].split()) in text
    for cause in found["causes"]:
        assert cause["title"] in text
        for evidence in cause["evidence"]:
            assert evidence["text"] in text
    for value in ENVIRONMENT.values():
        assert value in text
    if not report.ok:
        assert text.index("What to do") < text.index(found["causes"][0]["remedy"]) < text.index("What was seen")


def test_the_policy_stands_before_anything_that_it_is_about() -> None:
    report, kept = scenario("ready")
    text = shown(report.to_dict(), kept.records)
    head = text[: text.index("<style>")]
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY.replace(chr(39), "&#39;")}">' in head
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert text.isascii()


def test_every_message_is_in_the_diagram_and_opens_to_its_fields() -> None:
    report, kept = scenario("ready")
    reader = assert_sound(shown(report.to_dict(), kept.records))
    text = prose(reader)
    for event in kept.events:
        name = getattr(event, "name", None)
        if name:
            assert f"{name} \u00b7 size" in text
    assert "serverVersion 226" in text
    assert "nextValidId" in text


def test_connections_have_a_diagram_each() -> None:
    report, kept = scenario("client-id-bare-close")
    text = prose(assert_sound(shown(report.to_dict(), kept.records)))
    assert "Connection 1" in text
    assert "Connection 2" in text
    assert "No bytes passed" in prose(assert_sound(shown(report.to_dict(), [])))


def test_whether_it_is_redacted_is_said() -> None:
    report, kept = scenario("not-tws" if "not-tws" in SCENARIOS else "http")
    found = report.to_dict()
    plain = prose(assert_sound(shown(found, kept.records, redacted=False)))
    assert "Not redacted" in plain
    assert "HTTP/1.1 400 Bad Request" in plain
    found["observation"]["received"] = ""
    text = prose(assert_sound(shown(found, kept.records, redacted=True)))
    assert "Redacted: accounts" in text
    assert "left out, as they may hold anything" in text


def test_the_files_beside_it_are_named() -> None:
    report, kept = scenario("ready")
    assert "Written together with a.json and a.pcapng." in prose(
        assert_sound(shown(report.to_dict(), kept.records, files=["a.json", "a.pcapng"]))
    )


def test_what_the_machine_tells_is_shown() -> None:
    report, kept = scenario("ready")
    local = {"evidence": [{"id": "x", "text": "socat listens <b>here</b>.", "raises": [], "lowers": []}], "unread": ["No look at y."]}
    text = prose(assert_sound(shown(report.to_dict() | {"local": local}, kept.records)))
    assert "socat listens <b>here</b>." in text
    assert "No look at y." in text


def hostile_report(report: dict[str, Any], text: str, key: str = "") -> Any:
    """A report with a text in place of every text that is not a word of ours."""
    if isinstance(report, dict):
        return {name: hostile_report(held, text, name) for name, held in report.items()}
    if isinstance(report, list):
        return [hostile_report(held, text, key) for held in report]
    return text if isinstance(report, str) and key not in WORDS | {"received"} else report


@pytest.mark.parametrize("name", ["client-id-in-use", "http"])
@pytest.mark.parametrize("begin", range(2))
def test_hostile_texts_everywhere_do_nothing(name: str, begin: int) -> None:
    report, _ = scenario(name)
    for text in HOSTILE[begin * 5 :: 10]:
        changed = hostile_report(report.to_dict(), text)
        marks: list[Record] = [Opened(1, 0, text, text), Note(1, Direction.TO_CLIENT, 1, text)]
        assert_sound(shown(changed, marks, environment={"x": text}, made=text, files=[text]))


@pytest.mark.parametrize(("version", "begin"), [(176, 0), (226, 1)])
def test_hostile_texts_of_a_session_do_nothing(version: int, begin: int) -> None:
    for text in HOSTILE[begin::40]:
        text = encodable(text if version == 226 else text.replace("\0", "\1"))
        report, kept = probed(SCENARIOS["ready"], hostile_script(text), version, sync=True, config=True)
        assert_sound(shown(report.to_dict(), kept.records))


@pytest.mark.parametrize("text", HUGE, ids=["letters", "controls", "directions", "markup"])
def test_huge_texts_of_a_session_do_nothing(text: str) -> None:
    report, kept = probed(SCENARIOS["ready"], hostile_script(text), config=True)
    found = shown(report.to_dict(), kept.records)
    assert_sound(found)
    assert len(found) < 2_000_000


def test_bytes_that_are_no_messages_are_shown() -> None:
    report, kept = probed(
        SCENARIOS["dialog-pending"], Script(on_offer=(Raw(b"HTTP/1.1 <script>alert(1)</script>\r\n\xff\0"),)), timeout=1.0
    )
    text = prose(assert_sound(shown(report.to_dict(), kept.records, redacted=False)))
    assert "<script>alert(1)</script>" in text
    assert "not frames" in text


# In a browser.

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
SWITCHES = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=3000"),
    # Nothing of the browser's own leaves this machine.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Listener:
    """Counts the connections to a port of loopback."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.seen = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.seen.set()
                connection.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    with contextlib.suppress(OSError):
        found.socket.shutdown(socket.SHUT_RDWR)
    found.socket.close()
    found.thread.join(PATIENCE)


def payload(port: int) -> str:
    """All the ways in which a text may act or call, if a page lets it."""
    where = f"http://127.0.0.1:{port}/x"
    acts = f"document.title='OWNED';fetch('{where}')"
    return (
        f"\"'></title></style></text></svg></pre></summary><script>{acts}</script><script src={where}></script>"
        f'<img src={where} onerror="{acts}"><svg onload="{acts}"><image href={where} /></svg><iframe src={where}></iframe>'
        f"<link rel=stylesheet href={where}><style>@import url({where}); *{{background:url({where})}}</style>"
        f"<meta http-equiv=refresh content=0;url={where}><object data={where}></object><embed src={where}><base href={where}>"
        f'<input autofocus onfocus="{acts}"><details open ontoggle="{acts}"></details><a href="javascript:{acts}">x</a>{{{{7*191}}}}'
    )


def dumped(path: Path, profile: Path) -> str:
    """What a browser made of a page, after the page had time to act."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *SWITCHES, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()],
        capture_output=True,
        timeout=PATIENCE,
        encoding="utf-8",
        check=False,
    )
    if "<html" not in done.stdout:
        pytest.skip(f"Chromium does not run here: {done.stderr[-200:]}")
    return done.stdout


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@needs_chromium
@pytest.mark.timeout(180)
def test_in_a_browser_a_page_without_care_runs_scripts_and_calls(tmp_path: Path, listener: Listener) -> None:
    """The other test can fail: the same text acts where nothing holds it."""
    path = tmp_path / "page.html"
    path.write_text(f"<!DOCTYPE html><title>mine</title><p>{payload(listener.port)}", encoding="utf-8")
    dumped(path, tmp_path / "profile")
    assert listener.seen.wait(PATIENCE)


@needs_chromium
@pytest.mark.timeout(180)
def test_in_a_browser_no_script_runs_and_no_request_leaves(tmp_path: Path, listener: Listener) -> None:
    text = payload(listener.port)
    report, kept = probed(SCENARIOS["ready"], hostile_script(text), config=True)
    changed = hostile_report(report.to_dict(), text) | {"ok": False}
    records: list[Record] = [*kept.records, Note(1, Direction.TO_CLIENT, 1, text), Chunk(9, Direction.TO_CLIENT, 2, text.encode())]
    path = tmp_path / "page.html"
    path.write_text(shown(changed, records, environment={text: text}, made=text, files=[text]), encoding="utf-8")
    found = dumped(path, tmp_path / "profile")
    assert not listener.seen.is_set()
    assert "<title>OWNED" not in found
    assert "<script" not in found
    assert "1337" not in found
    assert found.count("{{7*191}}") > 10, "the text is there, as text"


@needs_chromium
@pytest.mark.timeout(180)
def test_in_a_browser_the_policy_alone_stops_what_gets_through(tmp_path: Path, listener: Listener) -> None:
    """Should the escaping ever fail, the text is left no script and no resource, but for a redirect, and a connection for a frame."""
    report, kept = scenario("ready")
    inside = re.sub(r"<meta http-equiv=refresh[^>]*>|<iframe.*?</iframe>", "", payload(listener.port))
    path = tmp_path / "page.html"
    path.write_text(shown(report.to_dict(), kept.records).replace("<main>", f"<main>{inside}"), encoding="utf-8")
    found = dumped(path, tmp_path / "profile")
    assert "<title>OWNED" not in found
    assert not listener.seen.is_set()
