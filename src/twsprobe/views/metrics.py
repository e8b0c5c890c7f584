"""What is known of a target, in Prometheus's text format (version 0.0.4).

Label values may hold anything, so three characters are escaped: backslash, quote and line feed. A value that the peer chose, such as a
farm's name, passes ``safe`` first. No account, balance or order is in any of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twsprobe import __version__
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.signatures import Signature
from twsprobe.probing.transitions import Kind, Level
from twsprobe.views.safe import safe

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FIRST_LINE = "# HELP twsprobe_"
"""What every text of metrics begins with."""
LONGEST_LABEL = 100

Sample = tuple[Mapping[str, str], float]
"""Labels and a value."""


class Snapshot(NamedTuple):
    """What the watch metrics are made of, at one instant. ``since`` is seconds since the epoch, ``round_trip`` seconds."""

    target: str
    signature: Signature | None
    level: Level
    since: float
    server_version: int | None
    round_trip: float | None
    broken: Mapping[str, int]
    counts: Mapping[Kind, int]
    connections_opened: int


def escaped(value: str) -> str:
    """A label's value between its quotes."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> list[str]:
    """The lines of one metric; none where it has no samples."""
    lines = []
    for labels, value in samples:
        inside = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
        number = str(int(value)) if value.is_integer() else repr(value)
        lines.append(f"{name}{{{inside}}} {number}" if inside else f"{name} {number}")
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *lines] if lines else []


def watch_metrics(now: Snapshot) -> str:
    """The metrics of a watched target."""
    labels = {"target": safe(now.target, LONGEST_LABEL)}
    version = [] if now.server_version is None else [(labels, float(now.server_version))]
    round_trip = [] if now.round_trip is None else [(labels, now.round_trip)]
    signatures = [({**labels, "signature": each.value}, float(each is now.signature)) for each in Signature]
    farms = [({**labels, "farm": safe(farm, LONGEST_LABEL), "code": str(code)}, 1.0) for farm, code in now.broken.items()]
    counts = [({**labels, "transition": kind.value}, float(now.counts.get(kind, 0))) for kind in Kind]
    lines = [
        *family("twsprobe_info", "gauge", "The version of twsprobe.", [({"version": __version__}, 1.0)]),
        *family(
            "twsprobe_up",
            "gauge",
            "1 where a client gets a session with a link to IBKR.",
            [(labels, float(now.signature is Signature.READY))],
        ),
        *family("twsprobe_level", "gauge", "How far clients come: 1 tcp, 2 handshake, 3 api, 4 backend.", [(labels, float(now.level))]),
        *family("twsprobe_signature", "gauge", "1 for how the last attempt ended.", signatures),
        *family(
            "twsprobe_state_since_seconds", "gauge", "When the present state began, in seconds since the epoch.", [(labels, now.since)]
        ),
        *family("twsprobe_server_version", "gauge", "The negotiated server version.", version),
        *family("twsprobe_ping_seconds", "gauge", "How long TWS took to tell the time, last.", round_trip),
        *family("twsprobe_farm_broken", "gauge", "1 for each data farm that TWS says is broken.", farms),
        *family("twsprobe_transitions_total", "counter", "Changes that were seen.", counts),
        *family("twsprobe_connections_opened_total", "counter", "Connections that were opened.", [(labels, float(now.connections_opened))]),
    ]
    return "\n".join(lines) + "\n"


def probe_metrics(report: ProbeReport, seconds: float, age: float) -> str:
    """The metrics of one probe, which took ``seconds`` and is ``age`` seconds old; its names are a black-box exporter's."""
    signatures = [({"signature": each.value}, float(each is report.signature)) for each in Signature]
    stages = [({"stage": stage.name}, stage.elapsed_ms / 1000) for stage in report.stages]
    version = report.observation.server_version
    lines = [
        *family("twsprobe_info", "gauge", "The version of twsprobe.", [({"version": __version__}, 1.0)]),
        *family("probe_success", "gauge", "1 where a client gets a session with a link to IBKR.", [({}, float(report.ok))]),
        *family("probe_duration_seconds", "gauge", "How long the probe took.", [({}, seconds)]),
        *family("twsprobe_probe_age_seconds", "gauge", "How old the result is: a target is not probed again at once.", [({}, age)]),
        *family("twsprobe_probe_signature", "gauge", "1 for how the probe ended.", signatures),
        *family("twsprobe_probe_stage_seconds", "gauge", "How long each stage took.", stages),
        *family(
            "twsprobe_probe_server_version", "gauge", "The negotiated server version.", [] if version is None else [({}, float(version))]
        ),
        *family("twsprobe_probe_connections_opened", "gauge", "Connections of this probe.", [({}, float(report.connections_opened))]),
    ]
    return "\n".join(lines) + "\n"
