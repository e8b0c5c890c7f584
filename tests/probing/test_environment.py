"""What a report says of the machine that made it."""

from __future__ import annotations

import getpass
import platform
from importlib.metadata import PackageNotFoundError

import pytest

from twsprobe import __version__
from twsprobe.probing import environment as module
from twsprobe.probing.environment import environment


def test_versions_and_the_kind_of_system() -> None:
    found = environment()
    assert found["twsprobe"] == __version__
    assert found["Python"].startswith(platform.python_version())
    assert found["system"].startswith(platform.system())
    assert list(found)[3:] == ["trio", "construct", "click"]


def test_a_package_without_metadata_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", missing)
    assert list(environment()) == ["twsprobe", "Python", "system"]


def test_nothing_names_a_person_or_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: pytest.fail("asked for the name of the host"))
    monkeypatch.setattr(getpass, "getuser", lambda: pytest.fail("asked for the name of the user"))
    environment()
