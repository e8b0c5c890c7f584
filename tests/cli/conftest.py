"""The program, run in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.program import Ran
from twsprobe.cli.main import run

Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def usual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller's environment says about output plays no part."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TWSPROBE_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command line; gives its exit code and what it printed."""

    def run_it(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(list(arguments))
        return Ran(code, *capsys.readouterr())

    return run_it
