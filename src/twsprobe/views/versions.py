"""The versions of a TWS for people: lines for a terminal, a page in Markdown and in HTML, and the differences of two reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twsprobe.probing.compatibility import Form, Session, Tried, Versions
from twsprobe.probing.options import HIGHEST_OFFER
from twsprobe.probing.version_reports import Difference
from twsprobe.views.line import Line
from twsprobe.views.probe import wrapped
from twsprobe.views.safe import safe
from twsprobe.views.watching import counted

TEMPLATE = "versions.html.j2"
STYLES = {"works": "ok", "fails": "fail", "unknown": "warn"}
INDENT = 38
"""Columns before what an answer means: verdict, library, offer, answer."""
MOST_ODD = 20
"""Messages that differ from the declarations, of one session, that are shown on a terminal; the report has all."""
HEADS = ("message", "sent as", "came", "fields with a value", "undeclared fields", "differences from our declaration")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#&~])")


def tried_text(tried: Tried, session: Session | None) -> str:
    """One offer as it was made, in a line."""
    if tried.signature is not None:
        outcome = f"answered {tried.answer}, {tried.signature.value}" if tried.answer is not None else tried.signature.value
    elif session is None:
        outcome = f"answered {tried.answer}; no further session"
    else:
        outcome = f"answered {tried.answer}, {'a session started' if session.started else session.signature.value}"
    return f"offer {tried.offer.text}: {outcome}"


def result_lines(found: Versions) -> list[Line]:
    """The whole of a look, in 80 columns."""
    lines = [Line(safe(found.target), f"  {highest_text(found.highest, [each.answer for each in found.tried])}", "strong"), Line("")]
    for each in found.libraries:
        answer = "-" if each.answer is None else str(each.answer)
        lines += wrapped(each.how, INDENT, f"  {each.verdict:<8}{each.name:<13}{each.offer.text:<10}{answer:<5}", STYLES[each.verdict])
    if found.sessions:
        lines += [Line(""), Line("At the start of a session", "", "strong")]
    for session in found.sessions:
        lines += session_lines(session)
    if found.stopped is not None:
        lines += [
            Line(""),
            *wrapped(f"No other offer was made: {found.stopped.value} is not about versions. 'twsprobe probe' says why it is.", 2),
        ]
    return [*lines, Line(""), Line(f"{counted(found.connections_opened)} opened and closed, one at a time", "", "faint")]


def highest_text(highest: int | None, answers: Iterable[int | None]) -> str:
    """What is known of the highest version of a server."""
    best = max((answer for answer in answers if answer is not None), default=None)
    if highest is None:
        return "gave no server version" if best is None else f"speaks {best}, the highest on offer, and may speak higher ones"
    newer = f"; twsprobe knows the versions up to {HIGHEST_OFFER}" if highest > HIGHEST_OFFER else ""
    return f"speaks server versions up to {highest}{newer}"


def session_lines(session: Session) -> list[Line]:
    """What came at the start at one server version, and the messages that are not as declared."""
    said = ", ".join(f"{each.message} {each.encoding}{f' ({each.times})' if each.times > 1 else ''}" for each in session.start)
    lines = wrapped(said or "nothing", 8, f"  {session.server_version}")
    if session.notices:
        lines += wrapped(f"codes {', '.join(map(str, session.notices))}", 8, "", "")
    stalled = [request for request, ok in session.sync if not ok]
    if stalled:
        lines += wrapped(f"not answered in full: {', '.join(stalled)}", 8, "      !", "warn")
    for form in session.odd[:MOST_ODD]:
        lines += wrapped(f"{form.message} {form.encoding}: {oddity(form)}", 8, "      !", "warn")
    more = len(session.odd) - MOST_ODD
    return [*lines, *wrapped(f"and {more} more", 8)] if more > 0 else lines


def oddity(form: Form) -> str:
    """How a message differs from its declaration."""
    unknown = f"undeclared field{'s' if len(form.unknown) > 1 else ''} {', '.join(form.unknown)}" if form.unknown else ""
    return "; ".join(filter(None, (unknown, *form.differences)))


def overview(report: Mapping[str, Any]) -> tuple[list[int], list[tuple[str, list[str]]]]:
    """Which message was seen as what in which session: the server versions, and the encodings of each message, "" where it did not come."""
    sessions = report["sessions"]
    names = dict.fromkeys(message["message"] for session in sessions for message in session["messages"])
    rows = []
    for name in names:
        seen = [[message["encoding"] for message in session["messages"] if message["message"] == name] for session in sessions]
        rows.append((name, [" and ".join(each) for each in seen]))
    return [session["server_version"] for session in sessions], rows


def cells(message: Mapping[str, Any]) -> list[str]:
    """A message of a session as a row below HEADS."""
    lists = [", ".join(message["fields"]), ", ".join(message["unknown"]), "; ".join(message["differences"])]
    return [message["message"], message["encoding"], str(message["times"]), *lists]


def page(report: Mapping[str, Any], *, environment: Mapping[str, str], made: str) -> str:
    """The page in HTML. ``report`` is the object of ``Versions.to_dict``; ``environment`` names versions, ``made`` says when."""
    from twsprobe.views.html import POLICY, template

    versions, rows = overview(report)
    return template(TEMPLATE).render(
        policy=POLICY,
        report=report,
        title=title(report),
        highest=highest_text(report["highest"], [each["answer"] for each in report["offers"]]),
        badges={"works": "ok", "fails": "fail", "unknown": "unknown"},
        versions=versions,
        overview=rows,
        heads=HEADS,
        cells=cells,
        environment=environment,
        made=made,
    )


def title(report: Mapping[str, Any]) -> str:
    """The heading of a page: the port says what is behind it by convention, and the host is nobody's business."""
    from twsprobe.probing.observation import API_PORTS

    usual = API_PORTS.get(report["port"])
    return f"TWS API on port {report['port']}{f' ({usual.label})' if usual else ''}"


def markdown(report: Mapping[str, Any], *, environment: Mapping[str, str], made: str) -> str:
    """The page in Markdown."""
    highest = highest_text(report["highest"], [each["answer"] for each in report["offers"]])
    parts = [f"# {marked(title(report))}", marked(f"It {highest}. Seen {made}.")]
    if report["stopped"]:
        parts.append(marked(f"Not every offer was made: {report['stopped']} is not about versions."))
    libraries = [[each["library"], each["offer"], shown(each["answer"]), each["verdict"], each["how"]] for each in report["libraries"]]
    parts += ["## Client libraries", table(("library", "offer", "answer", "verdict", "what it means"), libraries)]
    versions, rows = overview(report)
    if versions:
        encodings = [[name, *(each or "-" for each in seen)] for name, seen in rows]
        parts += ["## Messages by server version", table(("message", *map(str, versions)), encodings)]
    for session in report["sessions"]:
        start = ", ".join(f"{said['message']} ({said['encoding']})" for said in session["start"])
        parts += [f"## Server version {session['server_version']}", marked(f"At the start: {start or 'nothing'}.")]
        stalled = [step["request"] for step in session["sync"] if not step["ok"]]
        parts += [marked(f"Not answered in full: {', '.join(stalled)}.")] if stalled else []
        parts += [table(HEADS, [cells(message) for message in session["messages"]])] if session["messages"] else []
    made_with = ", ".join(f"{name} {value}" for name, value in environment.items())
    return "\n\n".join([*parts, marked(f"Made with {made_with}.")]) + "\n"


def shown(answer: int | None) -> str:
    """An answer in a column."""
    return "-" if answer is None else str(answer)


def marked(text: str) -> str:
    """Text as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", safe(text, 1 << 16))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads)] + [[marked(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def difference_lines(differences: Sequence[Difference], paths: tuple[str, str]) -> list[Line]:
    """Two reports compared: what differs, below the offer or library where it does."""
    kinds = Counter(each.kind for each in differences)
    summary = ", ".join(f"{kinds[kind]} {kind}" for kind in ("appeared", "vanished", "changed") if kinds[kind])
    lines = [*wrapped(paths[0], 3, "A"), *wrapped(paths[1], 3, "B"), Line("")]
    lines.append(Line(f"different: {summary}" if differences else "the same", "", "fail" if differences else "ok"))
    where = None
    for each in differences:
        if each.where != where:
            where = each.where
            lines += [Line(""), *wrapped(where, 0)]
        change = f"{each.a} -> {each.b}" if each.kind == "changed" else each.a or each.b or ""
        what = "" if each.what == "field" else f"{each.what} "
        lines += wrapped(f"{each.message + ' ' if each.message else ''}{what}{change}", 11, f"  {each.kind}")
    return lines


def difference_object(difference: Difference) -> dict[str, Any]:
    """A difference as ``--json`` prints it."""
    return {"event": "difference", **difference._asdict()}
