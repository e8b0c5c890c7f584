"""The report of a probe as one page that needs nothing else: to read, to print, to attach to a question.

A page holds what a stranger's server said. The rules: every text passes ``safe`` and the escaping of the template, without an exception
for any; no text of a peer becomes a part of an address or of a style; the page has no script and no link that leaves it, and its
Content-Security-Policy forbids both in case that was got wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from twsprobe.capture.seen import Seen
from twsprobe.views.probe import duration
from twsprobe.views.safe import safe
from twsprobe.views.sequence import diagrams
from twsprobe.views.waterfall import axis, bars

if TYPE_CHECKING:
    from jinja2 import Template

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
TEMPLATE = "report.html.j2"
CONFIDENCE = {"proven": "Cause (proven)", "likely": "Likely cause", "possible": "Possible cause"}


def page(
    report: Mapping[str, Any], seen: Iterable[Seen], *, environment: Mapping[str, str], made: str, redacted: bool, files: Iterable[str] = ()
) -> str:
    """The page, as HTML with LF line ends.

    ``report`` is the object of ``ProbeReport.to_dict`` and ``seen`` the conversation, as ``capture.seen.seen_in`` gives it, both already
    redacted where ``redacted`` says so. ``environment`` names versions, ``made`` says when, ``files`` what lies beside the page.
    """
    causes = report["causes"]
    weighed = [cause for cause in causes if cause["confidence"] != "excluded"]
    return template().render(
        policy=POLICY,
        report=report,
        observation=report["observation"],
        server=report["server"],
        elapsed=duration(report["observation"]["elapsed_ms"]),
        likeliest=weighed[0] if weighed and not report["ok"] else None,
        confidence=CONFIDENCE,
        excluded=[cause for cause in causes if cause["confidence"] == "excluded"],
        weighed=weighed,
        local=report.get("local"),
        bars=bars(report),
        axis=axis(report),
        diagrams=diagrams(seen),
        received=repr(bytes.fromhex(report["observation"]["received"]))[2:-1],
        environment=environment,
        made=made,
        redacted=redacted,
        files=list(files),
    )


def template(name: str = TEMPLATE) -> Template:
    """A template, in which every text is made safe, then escaped."""
    from importlib.resources import files

    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def finalized(value: object) -> object:
        # What the template itself made, and escaped, knows its HTML; a text of a peer never does.
        return value if hasattr(value, "__html__") else safe(str(value))

    folder = files("twsprobe.views").joinpath("templates")
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
