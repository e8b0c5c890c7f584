"""Known texts of logs, as data."""

from __future__ import annotations

import re

import pytest

from twsprobe.probing.cause_table import CAUSES
from twsprobe.probing.local_marks import IBC_MARKS, LAUNCHER_MARKS, MARKS, Mark

ALL = {f"{log}-{name}": mark for log, marks in MARKS.items() for name, mark in marks.items()}


@pytest.mark.parametrize("name", ALL)
def test_a_mark_is_a_sentence_about_causes_that_exist(name: str) -> None:
    mark: Mark = ALL[name]
    assert re.fullmatch(r"[a-z-]+", name)
    assert mark.sentence.endswith(".")
    assert {*mark.raises, *mark.lowers} <= set(CAUSES)
    assert mark.raises or mark.lowers


def test_no_text_is_part_of_another_of_its_log() -> None:
    for marks in (IBC_MARKS, LAUNCHER_MARKS):
        texts = list(marks.values())
        assert not [(one, other) for one in texts for other in texts if one != other and one in other]
