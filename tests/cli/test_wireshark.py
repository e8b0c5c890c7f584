"""The dissector goes where Wireshark looks, over an earlier one of ours and over nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.views.tshark import needs_tshark
from twsprobe.cli.exits import ExitCode
from twsprobe.cli.wireshark import plugin_folder
from twsprobe.views.dissector import MARK, dissector

posix_alone = pytest.mark.skipif(sys.platform == "win32", reason="a program of Wireshark is played by a shell script")


def program(folder: Path, name: str, script: str) -> None:
    """A program that plays one of Wireshark's."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    (folder / name).chmod(0o700)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, and no program of Wireshark."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_printed(ran: Run) -> None:
    assert ran("wireshark", "print") == (ExitCode.OK, dissector(), "")


def test_the_usual_folder_without_wireshark(bare: Path, ran: Run) -> None:
    usual = bare / "roaming" / "Wireshark" / "plugins" if sys.platform == "win32" else bare / ".local/lib/wireshark/plugins"
    found = ran("wireshark", "install")
    assert found == (ExitCode.OK, f"wrote {usual / 'tws.lua'}\n", "")
    assert (usual / "tws.lua").read_text("utf-8") == dissector()
    assert [path.name for path in usual.iterdir()] == ["tws.lua"]
    if os.name == "posix":
        assert (usual / "tws.lua").stat().st_mode & 0o777 == 0o600


@posix_alone
def test_the_folder_that_tshark_names(bare: Path, ran: Run) -> None:
    folder = bare / "of its own"
    program(bare / "bin", "tshark", f"echo 'Temp: /tmp'; echo 'Personal Lua Plugins:\t{folder}'")
    assert ran("wireshark", "install").out == f"wrote {folder / 'tws.lua'}\n"


@posix_alone
@pytest.mark.parametrize("script", ["exit 1", "echo 'Personal Lua Plugins:'", "echo 'Personal Lua Plugins: here'", "printf '\\377\\n'"])
def test_programs_that_name_no_folder(script: str, bare: Path) -> None:
    program(bare / "bin", "tshark", script)
    program(bare / "bin", "wireshark", script)
    assert plugin_folder() == bare / ".local/lib/wireshark/plugins"


@posix_alone
def test_a_program_that_cannot_run(bare: Path) -> None:
    program(bare / "bin", "tshark", "")
    (bare / "bin" / "tshark").write_bytes(b"\0")
    assert plugin_folder() == bare / ".local/lib/wireshark/plugins"


def test_an_earlier_one_is_replaced(tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "tws.lua"
    path.write_text(f"{MARK} 0.0.1. Do not edit it.\n", "utf-8")
    assert ran("wireshark", "install", "--output", str(path)).code == ExitCode.OK
    assert path.read_text("utf-8") == dissector()


@pytest.mark.parametrize("text", ["-- somebody's own\n", "", "\xff\xfe"])
def test_what_is_not_ours_is_kept(text: str, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "tws.lua"
    path.write_text(text, "latin-1")
    found = ran("wireshark", "install", "-o", str(path))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: {path} is there and was not written by twsprobe: move it away, or give --output another file\n"
    assert path.read_text("latin-1") == text


def test_where_nothing_can_be_written(tmp_path: Path, ran: Run) -> None:
    (tmp_path / "file").touch()
    found = ran("wireshark", "install", "-o", str(tmp_path / "file" / "tws.lua"))
    assert (found.code, found.out, found.err.count("\n")) == (ExitCode.IO_FAILED, "", 1)
    found = ran("wireshark", "install", "-o", str(tmp_path))
    assert (found.code, found.err.count("\n")) == (ExitCode.IO_FAILED, 1)


@pytest.mark.parametrize("arguments", [(), ("remove",), ("install", "a"), ("print", "-o", "a")])
def test_wrong_arguments(arguments: tuple[str, ...], ran: Run) -> None:
    found = ran("wireshark", *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")


@needs_tshark
def test_the_real_tshark_names_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert plugin_folder().parts[-1] == "plugins"
