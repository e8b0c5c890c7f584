"""Metrics: a text that a parser reads back, whatever is in its labels."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.views.hostile import HOSTILE, live
from twsprobe.probing.observation import Observation
from twsprobe.probing.report import ProbeReport, StageReport
from twsprobe.probing.signatures import Signature
from twsprobe.probing.transitions import Kind, Level
from twsprobe.views.metrics import FIRST_LINE, Snapshot, escaped, family, probe_metrics, watch_metrics

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')
UNESCAPED = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def read(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The samples of a text in Prometheus's format, by metric; each line has to be one of the three kinds, in their order."""
    assert text.endswith("\n")
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    helped, typed = list[str](), list[str]()
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped.append(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            typed.append(line.split(" ", 3)[2])
            assert line.split(" ")[3] in ("gauge", "counter")
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert helped[-1] == typed[-1] == sample[1]
            labels = {name: re.sub(r"\\.", lambda one: UNESCAPED[one[0]], value) for name, value in LABEL.findall(sample[2] or "")}
            found.setdefault(sample[1], []).append((labels, float(sample[3])))
    assert len(set(helped)) == len(helped), "each metric stands in one place"
    return found


def snapshot(**changes: object) -> Snapshot:
    usual = Snapshot("127.0.0.1:4002", Signature.READY, Level.BACKEND, 1.7e9, 226, 0.012, {}, Counter({Kind.READY: 2}), 3)
    return usual._replace(**changes)  # type: ignore[arg-type]


def test_a_target_that_is_well() -> None:
    text = watch_metrics(snapshot())
    found = read(text)
    labels = {"target": "127.0.0.1:4002"}
    assert text.startswith(FIRST_LINE)
    assert found["twsprobe_up"] == [(labels, 1.0)]
    assert found["twsprobe_level"] == [(labels, 4.0)]
    assert found["twsprobe_ping_seconds"] == [(labels, 0.012)]
    assert found["twsprobe_connections_opened_total"] == [(labels, 3.0)]
    assert [each["signature"] for each, value in found["twsprobe_signature"] if value] == ["ready"]
    assert len(found["twsprobe_signature"]) == len(Signature)
    assert {each["transition"]: value for each, value in found["twsprobe_transitions_total"]}["ready"] == 2
    assert "twsprobe_farm_broken" not in found


def test_a_target_that_is_not_there() -> None:
    found = read(watch_metrics(snapshot(signature=None, level=Level.NOTHING, server_version=None, round_trip=None)))
    assert found["twsprobe_up"][0][1] == 0
    assert not any(value for _, value in found["twsprobe_signature"])
    assert "twsprobe_ping_seconds" not in found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_farm_of_a_hostile_name(name: str) -> None:
    text = watch_metrics(snapshot(broken={name: 2103, 'a"b\\c': 2105}))
    assert not live(text.replace("\n", ""))
    farms = {each["code"]: each["farm"] for each, _ in read(text)["twsprobe_farm_broken"]}
    assert farms["2105"] == 'a"b\\c'


@given(st.text())
def test_every_label_is_read_back(value: str) -> None:
    assert "\n" not in escaped(value)
    if "\r" not in value and value.isprintable():
        assert read("\n".join(family("a", "gauge", "text", [({"label": value}, 1.0)])) + "\n")["a"] == [({"label": value}, 1.0)]


def test_a_probe() -> None:
    facts = Observation("127.0.0.1", 4002, signature=Signature.TCP_REFUSED, accounts=("DU1234567",))
    report = ProbeReport("127.0.0.1:4002", facts, (StageReport("resolve", True, 1.5, ""),), (), 0)
    text = probe_metrics(report, 0.25, 1.0)
    found = read(text)
    assert found["probe_success"] == [({}, 0.0)]
    assert found["probe_duration_seconds"] == [({}, 0.25)]
    assert found["twsprobe_probe_stage_seconds"] == [({"stage": "resolve"}, 0.0015)]
    assert [each["signature"] for each, value in found["twsprobe_probe_signature"] if value] == ["tcp-refused"]
    assert "DU1234567" not in text
