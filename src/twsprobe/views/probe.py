"""A probe's run for a terminal of 80 columns: a line a stage, then the verdict, the likeliest cause, what to do, and the other causes."""

from __future__ import annotations

import textwrap
from collections.abc import Container

from twsprobe.probing.judgement import Confidence, RankedCause
from twsprobe.probing.observation import API_PORTS
from twsprobe.probing.options import Options
from twsprobe.probing.report import ProbeReport, StageReport
from twsprobe.probing.signatures import Signature
from twsprobe.views.line import Line
from twsprobe.views.safe import safe

WIDTH = 80
LONGEST_TEXT = 400
"""Characters of one text that are shown; ``--json`` and the capture have it whole."""
OTHER_CAUSES = 4
"""How many causes besides the likeliest are shown without ``-v``."""
MOST_LOCAL = 6
"""How many facts of this machine are shown without ``-v``."""


def wrapped(text: str, indent: int, lead: str = "", style: str = "") -> list[Line]:
    """Text broken at 80 columns behind a hanging indent; ``lead`` stands in the indent of the first line."""
    pieces = textwrap.wrap(safe(text, LONGEST_TEXT), WIDTH - indent, break_on_hyphens=False) or [""]
    lines = [Line(lead.ljust(indent), pieces[0], style)]
    return lines + [Line(" " * indent, piece) for piece in pieces[1:]]


def heading(target: str, port: int, options: Options, client_id: int | None) -> list[Line]:
    """What is about to be tried."""
    usual = f"({API_PORTS[port].label})" if port in API_PORTS else ""
    versions = f"v{options.minimum}" if options.maximum is None else f"v{options.minimum}..{options.maximum}"
    who = "a random client id" if client_id is None else f"client id {client_id}"
    what, how = f"{safe(target)} {usual}".rstrip(), f"offering {versions} as {who}"
    lines = [Line(what, f"  {how}", "strong")]
    if len(what) + 2 + len(how) > WIDTH:
        lines = [Line(safe(target), "", "strong"), *wrapped(f"{usual} {how}".lstrip(), 2)]
    if client_id == 0:
        lines += wrapped("Client id 0 also receives, and may bind, the orders that are placed by hand.", 2, "", "warn")
    return lines


def duration(milliseconds: float) -> str:
    """Milliseconds for a column."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.1f} ms"


def stage_line(stage: StageReport) -> list[Line]:
    """A stage that has ended."""
    mark, style = {True: ("ok", "ok"), False: ("FAIL", "fail"), None: ("?", "warn")}[stage.ok]
    detail = textwrap.wrap(safe(stage.detail, LONGEST_TEXT), WIDTH - 31, break_on_hyphens=False) or [""]
    lines = [Line(f"  {mark:<5}", f"{stage.name:<10} {duration(stage.elapsed_ms):>10}  {detail[0]}", style)]
    return lines + [Line(" " * 31, piece) for piece in detail[1:]]


def waiting_text(stage: str) -> str:
    """What stands in place of a stage's line while it runs."""
    return f"        {stage:<10} ..."


def verdict(report: ProbeReport, *, verbose: bool = False) -> list[Line]:
    """The end of a run."""
    lines = [Line("")]
    lines += passed(report) if report.ok else failed(report, verbose)
    lines += settings(report)
    lines += local(report, verbose)
    lines += experiments(report)
    count = report.connections_opened
    how = "no connection was opened" if count == 0 else f"{count} connection{'s' if count > 1 else ''} opened and closed"
    lines += [Line(""), Line(how, "", "faint")]
    return [*lines, Line(f"recorded in {safe(report.capture)}", "", "faint")] if report.capture else lines


def passed(report: ProbeReport) -> list[Line]:
    """A session that works."""
    facts = report.observation
    kind = {True: "paper", False: "live", None: "unknown"}[facts.paper]
    lines = wrapped(facts.sentence, 6, "PASS", "ok")
    lines += row("server version", str(facts.server_version))
    lines += row("server time", f"{facts.server_time or ''} {facts.time_zone or ''}".strip())
    lines += row("accounts", f"{', '.join(facts.accounts) or 'none'} ({kind})")
    lines += row("next order id", str(facts.next_order_id))
    lines += row("client id", str(facts.client_id))
    lines += notices(report)
    for index, cause in enumerate(report.causes):
        lines += [Line(""), Line("Worth knowing", "", "warn")] if index == 0 else []
        lines += [*wrapped(cause.title, 2), *evidence_lines(cause, 2), *wrapped(cause.remedy, 5, "  ->")]
    return lines


def row(name: str, value: str) -> list[Line]:
    """A name and a value, which may take several lines."""
    return wrapped(value, 22, f"      {name}")


def notices(report: ProbeReport) -> list[Line]:
    """What TWS said besides."""
    lines: list[Line] = []
    for index, (code, text) in enumerate(report.observation.notices):
        lines += row("notices" if index == 0 else "", f"{code} {text}")
    return lines


def failed(report: ProbeReport, verbose: bool) -> list[Line]:
    """A run that came to an end before a session."""
    facts = report.observation
    lines = wrapped(facts.sentence, 6, "FAIL", "fail")
    lines += wrapped(seen(report), 6)
    lines += notices(report)
    if facts.received:
        lines += row("first bytes", repr(facts.received)[2:-1])
    if facts.redirect:
        lines += row("redirect to", f"{facts.redirect} (not followed)")
    ranked = [cause for cause in report.causes if cause.confidence is not Confidence.EXCLUDED]
    if ranked:
        lines += [Line(""), *likeliest(ranked[0])]
    others = ranked[1:] if verbose else ranked[1 : 1 + OTHER_CAUSES]
    if others:
        lines += [Line(""), Line("Other causes, and what speaks for or against them", "", "strong")]
        said = {piece.text for piece in report.local.evidence} if report.local else set()
        said |= {tried.text for tried in report.decision.tried} if report.decision else set()
        for cause in others:
            lines += other(cause, said)
    rest = len(ranked) - 1 - len(others)
    if rest > 0:
        lines.append(Line(f"  and {rest} more: -v shows them all", "", "faint"))
    return lines + excluded(report)


def seen(report: ProbeReport) -> str:
    """The signature and its measurements in words."""
    facts = report.observation
    parts = [f"{report.signature.value} in {facts.stage.value if facts.stage else 'start'} after {facts.elapsed}"]
    if facts.closed:
        parts.append(f"closed with {facts.closed.upper()}")
    if report.signature not in (Signature.NAME_UNRESOLVED, Signature.TCP_REFUSED, Signature.TCP_TIMEOUT, Signature.TCP_UNREACHABLE):
        parts.append(f"{facts.bytes_received} bytes received")
    return ", ".join(parts)


def likeliest(cause: RankedCause) -> list[Line]:
    """The cause to look at first, and what to do about it."""
    word = {Confidence.PROVEN: "Cause (proven)", Confidence.LIKELY: "Likely cause", Confidence.POSSIBLE: "Possible cause"}[cause.confidence]
    lines = [Line(word, f"  layer {cause.layer.value}", "strong"), *wrapped(cause.title, 2)]
    lines += evidence_lines(cause, 2)
    return [*lines, Line("What to do", "", "strong"), *wrapped(cause.remedy, 2)]


def evidence_lines(cause: RankedCause, indent: int, said: Container[str] = ()) -> list[Line]:
    """What speaks for a cause and against it, but for what is ``said`` elsewhere."""
    lines: list[Line] = []
    for evidence in cause.evidence:
        if evidence.sentence not in said:
            lines += wrapped(evidence.sentence, indent + 2, " " * indent + ("+" if evidence.side == "for" else "-"))
    return lines


def other(cause: RankedCause, said: Container[str] = ()) -> list[Line]:
    """A cause that is less likely: what speaks for or against it, but for what is ``said`` elsewhere, and its remedy."""
    lines = wrapped(cause.title, 12, f"  {cause.confidence.value}", "warn" if cause.confidence is Confidence.LIKELY else "")
    lines += evidence_lines(cause, 12, said)
    return lines + wrapped(cause.remedy, 15, " " * 12 + "->")


def excluded(report: ProbeReport) -> list[Line]:
    """What it is not, and why."""
    lines: list[Line] = []
    shown = (
        {tried.text: f"By experiment {number}, below." for number, tried in enumerate(report.decision.tried, 1)} if report.decision else {}
    )
    for cause in report.causes:
        if cause.confidence is Confidence.EXCLUDED:
            reasons = [evidence.sentence for evidence in cause.evidence if evidence.side == "against"]
            reason = next((shown[each] for each in reasons if each in shown), next(iter(reasons), ""))
            lines += wrapped(f"{cause.title} {reason}", 12, "  ruled out", "faint")
    return lines


def settings(report: ProbeReport) -> list[Line]:
    """The API settings against the checklist."""
    if not report.settings:
        return []
    lines = [Line(""), Line("API settings", "", "strong")]
    for finding in report.settings:
        value = ", ".join(map(str, finding.value)) if isinstance(finding.value, list) else str(finding.value)
        value = "?" if finding.value is None else value
        style = {"problem": "fail", "note": "warn"}.get(finding.verdict, "")
        lines += wrapped(f"{finding.setting} = {value}", 4, "  " + {"problem": "!", "note": "*"}.get(finding.verdict, " "), style)
        lines += wrapped(finding.meaning, 6)
    return lines


def local(report: ProbeReport, verbose: bool) -> list[Line]:
    """What this machine tells, and what it does not."""
    if report.local is None or not (report.local.evidence or report.local.unread):
        return []
    lines = [Line(""), Line("On this machine", "", "strong")]
    shown = report.local.evidence if verbose else report.local.evidence[:MOST_LOCAL]
    for piece in shown:
        lines += wrapped(piece.text, 2)
    if len(report.local.evidence) > len(shown):
        lines.append(Line(f"  and {len(report.local.evidence) - len(shown)} more: -v shows them all", "", "faint"))
    for sentence in report.local.unread:
        lines += wrapped(sentence, 2, "?", "faint")
    return lines


def experiments(report: ProbeReport) -> list[Line]:
    """What was tried to decide, what came of it, and what it says of trusted addresses."""
    decision = report.decision
    if decision is None or report.ok:
        return []
    lines = [Line(""), Line("What was tried to decide", "", "strong")]
    listed = {cause.id for cause in report.causes}
    for number, tried in enumerate(decision.tried, 1):
        lines += wrapped(tried.question, 5, f"  {number}")
        lines += wrapped(tried.text, 8, "     ->")
        said = {"proves": tried.proves, "for": tried.raises, "against": tried.lowers, "rules out": tried.excludes}
        effects = [f"{how} {', '.join(cause for cause in causes if cause in listed)}" for how, causes in said.items() if listed & {*causes}]
        lines += wrapped("; ".join(effects), 8, "", "faint") if effects else []
    lines += wrapped(decision.conclusion, 2)
    if decision.trust is not None:
        lines += [Line(""), Line("Trusted IPs", "", "strong"), *wrapped(decision.trust.text, 2)]
        for sentence in decision.trust.evidence:
            lines += wrapped(sentence, 4, "  *")
    return lines


def one_line(report: ProbeReport) -> str:
    """The verdict for a health check's log."""
    facts = report.observation
    if report.ok:
        text = f"{report.target} ready: server version {facts.server_version}, accounts {', '.join(facts.accounts)}"
        return safe(text, LONGEST_TEXT)  # a monitor cuts long output off, and with it the perfdata
    cause = f" {report.causes[0].title}" if report.causes else ""
    return safe(f"{report.target} {report.signature.value}: {facts.sentence}{cause}", LONGEST_TEXT)


def nagios_line(report: ProbeReport, status: str) -> str:
    """The verdict as a monitoring plug-in prints it, with a perfdata part."""
    text = one_line(report).replace("|", "/")
    perfdata = " ".join(f"{stage.name}={stage.elapsed_ms / 1000:.6f}s" for stage in report.stages)
    return f"TWS {status} - {text} | {perfdata} connections={report.connections_opened}"
