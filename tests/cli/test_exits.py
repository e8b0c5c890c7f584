"""What the program returns to the shell."""

from __future__ import annotations

import click
import pytest

from twsprobe.cli.exits import CaptureCorrupt, ExitCode, IOFailed
from twsprobe.probing.signatures import Signature


def test_the_codes_are_those_that_are_documented() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "FINDINGS": 1,
        "USAGE": 2,
        "IO_FAILED": 3,
        "CAPTURE_CORRUPT": 4,
        "BUG": 70,
        "INTERRUPTED": 130,
    }


def test_every_signature_has_a_code_of_its_own() -> None:
    codes = {signature: signature.exit_code for signature in Signature}
    assert codes.pop(Signature.READY) == ExitCode.OK
    assert len(set(codes.values())) == len(codes)
    assert set(codes.values()).isdisjoint(map(int, ExitCode))
    assert all(10 <= code <= 31 for code in codes.values())


@pytest.mark.parametrize(("fault", "code"), [(IOFailed, ExitCode.IO_FAILED), (CaptureCorrupt, ExitCode.CAPTURE_CORRUPT)])
def test_faults_carry_their_code(fault: type[click.ClickException], code: ExitCode) -> None:
    assert fault("x.jsonl: torn").exit_code == code
    assert fault("x.jsonl: torn").format_message() == "x.jsonl: torn"
