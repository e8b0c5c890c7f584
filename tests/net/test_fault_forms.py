"""The reference of the syntax, which is the docstrings of the faults."""

from __future__ import annotations

from typing import get_args

from twsprobe.net.fault_forms import EXAMPLES, FAULTS, Fault, forms
from twsprobe.net.fault_language import ACTIONS, read_fault


def test_every_fault_has_a_form_and_a_meaning() -> None:
    assert set(FAULTS) == set(get_args(Fault))
    assert len(forms()) == len(FAULTS)
    for form, meaning in forms():
        assert form
        assert "`" not in form + meaning
        assert meaning.endswith(".")


def test_every_action_has_a_form() -> None:
    assert {word for form, _ in forms() for word in form.split()[0].split("|")} == set(ACTIONS)


def test_every_fault_has_an_example() -> None:
    assert {type(read_fault(example)) for example in EXAMPLES} == set(FAULTS)
