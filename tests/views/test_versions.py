"""Versions for people: lines of 80 columns, and pages that are well formed and inert whatever stands in a report."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.probing.looks import WITH_MORE, looked
from tests.views.hostile import HOSTILE, HUGE, live
from tests.views.test_html import MADE, Listener, assert_sound, dumped, listener, needs_chromium, payload, prose
from twsprobe.net.script import Greet, Script
from twsprobe.probing.compatibility import Form, Offer, Session, Tried, Versions
from twsprobe.probing.signatures import Signature
from twsprobe.probing.version_reports import Difference
from twsprobe.views.line import Line
from twsprobe.views.versions import (
    MOST_ODD,
    difference_lines,
    difference_object,
    highest_text,
    markdown,
    marked,
    oddity,
    page,
    result_lines,
    tried_text,
)

ENVIRONMENT = {"twsprobe": "0.1", "Python": "3.11.7 (CPython)"}
__all__ = ["listener"]  # the fixture of the tests in a browser


@functools.cache
def report() -> dict[str, Any]:
    """A report with something odd in it."""
    return looked(WITH_MORE, version=226, sync=True).to_dict() | {"target": "port 7497"}


def text_of(lines: list[Line]) -> list[str]:
    """Lines as they are printed; that they fit is asserted."""
    texts = [(line.lead + line.rest).rstrip() for line in lines]
    assert all(len(text) <= 80 for text in texts), max(texts, key=len)
    assert not live("\n".join(texts))
    return texts


def test_a_look_on_a_terminal() -> None:
    texts = text_of(result_lines(looked(version=203)))
    assert texts[0] == "127.0.0.1:7497  speaks server versions up to 203"
    assert texts[2] == "  works   ibapi-9.81   100..157  157  A session starts; all messages are text."
    assert "  203   managedAccounts text, nextValidId text, error protobuf (3)" in texts
    assert texts[-1] == "5 connections opened and closed, one at a time"


def test_what_is_odd_is_shown_and_bounded() -> None:
    texts = text_of(result_lines(looked(WITH_MORE, version=226)))
    assert "      ! managedAccounts protobuf: undeclared field #111" in texts
    assert "      ! managedAccounts text: 1 text field behind the last known one" in texts
    forms = tuple(Form(f"message {number}", "text", 1, differences=("no message with this id is declared",)) for number in range(100))
    found = Versions("x", 1, (), (), (Session(176, Signature.READY, True, forms=forms),), 1)
    texts = text_of(result_lines(found))
    assert sum("      ! message" in text for text in texts) == MOST_ODD
    assert "        and 80 more" in texts


def test_a_look_that_was_ended_says_why() -> None:
    texts = text_of(result_lines(looked("refused")))
    assert texts[0] == "127.0.0.1:7497  gave no server version"
    assert any("tcp-refused is not about versions" in text for text in texts)
    assert texts[-1] == "0 connections opened and closed, one at a time"


def test_an_old_server_and_account_data_that_do_not_come() -> None:
    old = text_of(result_lines(looked(Script(on_offer=(Greet(76),)))))
    assert old[0] == "127.0.0.1:7497  speaks server versions up to 76"
    assert sum(text.startswith("  fails   ") for text in old) == 5
    assert "      ! not answered in full: reqExecutions" in text_of(result_lines(looked("sync-executions", sync=True)))


def test_what_is_known_of_the_highest_version() -> None:
    assert highest_text(None, [157, 226]) == "speaks 226, the highest on offer, and may speak higher ones"
    assert highest_text(230, [230]) == "speaks server versions up to 230; twsprobe knows the versions up to 226"


@pytest.mark.parametrize(
    ("tried", "session", "words"),
    [
        (Tried(Offer(100, 157), 157, None), Session(157, Signature.READY, True), "answered 157, a session started"),
        (Tried(Offer(100, 157), 157, None), Session(157, Signature.REJECTED, False), "answered 157, rejected"),
        (Tried(Offer(100, 157), 157, None), None, "answered 157; no further session"),
        (Tried(Offer(100, 157), 76, Signature.VERSION_UNSUPPORTED), None, "answered 76, version-unsupported"),
        (Tried(Offer(100, 157), None, Signature.TCP_REFUSED), None, "tcp-refused"),
    ],
)
def test_an_offer_as_it_was_made(tried: Tried, session: Session | None, words: str) -> None:
    assert tried_text(tried, session) == f"offer 100..157: {words}"


def test_oddities_in_words() -> None:
    assert oddity(Form("x", "protobuf", 1, (), ("#1", "a.#2"), ("b", "c"))) == "undeclared fields #1, a.#2; b; c"


def test_the_page() -> None:
    text = prose(assert_sound(page(report(), environment=ENVIRONMENT, made=MADE), drawn=False))
    assert "TWS API on port 7497 (TWS paper)" in text
    assert "A session starts; 82 of 86 kinds of message are protobuf; 1 kind of message differs from our declarations." in text
    assert "#111" in text
    assert "Server version 157" in text
    assert "127.0.0.1" not in text
    assert "DU" not in text


def test_a_page_of_little() -> None:
    found = looked("refused").to_dict()
    assert "tcp-refused is not about versions" in prose(assert_sound(page(found, environment={}, made=MADE), drawn=False))
    assert "tcp-refused is not about versions" in markdown(found, environment={}, made=MADE)


def test_the_page_in_markdown() -> None:
    lines = markdown(report(), environment=ENVIRONMENT, made=MADE).splitlines()
    assert lines[0] == "# TWS API on port 7497 (TWS paper)"
    how = "A session starts; all messages are text; 1 kind of message differs from our declarations."
    assert rf"| ib\_async | 157..178 | 178 | works | {how} |" in lines
    assert "| managedAccounts | text | text | text | text | protobuf |" in lines
    assert r"| managedAccounts | protobuf | 1 | accountsList | \#111 |  |" in lines
    assert "127.0.0.1" not in "\n".join(lines)


def hostile(found: Any, text: str) -> Any:
    """A report with a text in place of every text but the verdicts."""
    if isinstance(found, dict):
        return {name: held if name == "verdict" else hostile(held, text) for name, held in found.items()}
    return [hostile(held, text) for held in found] if isinstance(found, list) else text if isinstance(found, str) else found


@pytest.mark.parametrize("text", [*HOSTILE[::12], HUGE[1]])
def test_hostile_texts_do_nothing(text: str) -> None:
    changed = hostile({**report(), "sessions": report()["sessions"][-1:]}, text)
    assert_sound(page(changed, environment={"x": text}, made=text), drawn=False)
    plain = markdown(changed, environment={"x": text}, made=text)
    assert not live(plain.replace("\n", ""))
    assert "<script" not in plain


@given(st.text())
def test_text_in_markdown_stays_in_its_cell(text: str) -> None:
    found = marked(text)
    assert "\n" not in found
    unescaped = found.replace("\\\\", "").replace("\\|", "").replace("\\<", "")
    assert "|" not in unescaped
    assert "<" not in unescaped


def test_differences_on_a_terminal() -> None:
    found = [
        Difference("changed", "offer 100..226", None, "answer", "203", "226"),
        Difference("changed", "offer 100..226, 203 -> 226", "position", "encoding", "text", "protobuf"),
        Difference("appeared", "offer 100..226, 203 -> 226", "openOrder", "field", None, "order.news"),
        Difference("vanished", "offer 100..226, 203 -> 226", "error", "message", "text"),
    ]
    assert text_of(difference_lines(found, ("a.json", "b.json"))) == [
        "A  a.json",
        "B  b.json",
        "",
        "different: 1 appeared, 1 vanished, 2 changed",
        "",
        "offer 100..226",
        "  changed  answer 203 -> 226",
        "",
        "offer 100..226, 203 -> 226",
        "  changed  position encoding text -> protobuf",
        "  appeared openOrder order.news",
        "  vanished error message text",
    ]
    assert text_of(difference_lines([], ("a", "b")))[-1] == "the same"
    said = difference_object(found[0])
    assert said == {"event": "difference", **found[0]._asdict()}


@pytest.mark.parametrize("text", [*HOSTILE[::12], *HUGE])
def test_hostile_differences_do_nothing(text: str) -> None:
    text_of(difference_lines([Difference("changed", text, text, text, text, text)], (text, text)))


@needs_chromium
@pytest.mark.timeout(180)
def test_in_a_browser_no_script_runs_and_no_request_leaves(tmp_path: Path, listener: Listener) -> None:
    text = payload(listener.port)
    changed = hostile({**report(), "sessions": report()["sessions"][-1:]}, text)
    path = tmp_path / "page.html"
    path.write_text(page(changed, environment={text: text}, made=text), encoding="utf-8")
    found = dumped(path, tmp_path / "profile")
    assert not listener.seen.is_set()
    assert "<title>OWNED" not in found
    assert "<script" not in found
