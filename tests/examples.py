"""The examples of docs/testing.md, as files."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "testing.md"
CAPTURES = ROOT / "captures"
SESSIONS = {"test_positions.py": "ib-async-session.jsonl", "test_names.py": "ibapi-session.jsonl"}
"""The examples that replay a capture, and the capture of each."""


def examples() -> dict[str, str]:
    """The text of each example, by the name in its first line."""
    found = re.findall(r"^```(?:python|ini)\n# (\S+)\n(.+?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return dict(found)


def write_examples(folder: Path) -> None:
    """Write the examples into a folder, as somebody would who copies them."""
    for name, text in examples().items():
        (folder / name).write_text(text, encoding="utf-8")
