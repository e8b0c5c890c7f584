"""The examples of docs/versions.md are what the program prints for two simulated servers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.probing.looks import look, looked
from twsprobe.probing.version_reports import compare, read_report
from twsprobe.views.line import Line
from twsprobe.views.versions import difference_lines, result_lines, tried_text

DOCUMENT = Path(__file__).parents[1] / "docs" / "versions.md"
BEFORE, AFTER = 203, 206


def shown(command: str) -> str:
    """What the document shows below a command."""
    blocks: dict[str, str] = dict(re.findall(r"^```console\n\$ (.+?)\n(.+?)^```$", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE))
    return blocks[command]


def plain(lines: list[Line]) -> str:
    return "".join((line.lead + line.rest).rstrip() + "\n" for line in lines)


async def test_the_look(autojump_clock: Any) -> None:
    found, told, _ = await look(version=BEFORE)
    said = [f"at most {len(found.offers)} connections, one at a time, 1 s apart", *(tried_text(*each) for each in told)]
    assert shown("twsprobe versions 127.0.0.1:7497") == "\n".join([*said, "", plain(result_lines(found))])


def test_the_comparison() -> None:
    reports = [read_report(json.dumps(looked(version=version, sync=True).to_dict()).encode()) for version in (BEFORE, AFTER)]
    lines = difference_lines(list(compare(*reports)), ("before.json", "after.json"))
    assert shown("twsprobe diff before.json after.json") == plain(lines)
