import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dev


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what an environment is made from, and an environment that says it was made from that."""
    root = tmp_path / "a checkout"
    root.mkdir()
    for name in ("requirements.lock", "pyproject.toml"):
        root.joinpath(name).write_text("one\n")
    python = dev.environment_python(root)
    python.parent.mkdir(parents=True)
    python.touch()
    root.joinpath(".venv", "stamp").write_text(dev.stamp(root))
    return root


def test_an_environment_made_from_what_is_there_is_kept(checkout: Path) -> None:
    assert dev.is_current(checkout)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_another_lock_or_project_makes_the_environment_again(checkout: Path, name: str) -> None:
    checkout.joinpath(name).write_text("two\n")
    assert not dev.is_current(checkout)


@pytest.mark.parametrize("missing", [Path("stamp"), dev.environment_python(Path()).relative_to(".venv")])
def test_a_half_made_environment_is_made_again(checkout: Path, missing: Path) -> None:
    checkout.joinpath(".venv", missing).unlink()
    assert not dev.is_current(checkout)


def test_a_moved_checkout_makes_the_environment_again(checkout: Path) -> None:
    moved = checkout.with_name("moved")
    shutil.move(checkout, moved)
    assert not dev.is_current(moved)


def test_the_exit_code_is_the_one_of_what_ran() -> None:
    assert dev.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


@pytest.mark.skipif(sys.platform == "win32", reason="no signal ends a process there")
def test_a_signal_that_ended_what_ran_is_in_the_exit_code() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert dev.run([sys.executable, "-c", code]) == 128 + signal.SIGTERM


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["lint", "x"], ["check", "--depe"]])
def test_a_wrong_command_line_is_named_and_exits_2(arguments: list[str]) -> None:
    result = subprocess.run([sys.executable, dev.__file__, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == dev.USAGE
    assert result.stderr.startswith(f"dev.py: no such command line: {' '.join(arguments) or '(nothing)'}\n")


def test_help_names_every_command() -> None:
    result = subprocess.run([sys.executable, dev.__file__, "--help"], capture_output=True, text=True, check=True)
    assert all(f"python3 dev.py {command}" in result.stdout for command in ("demo", "test", "lint", "check"))


def test_the_lock_pins_every_dependency_at_a_version_that_fits() -> None:
    project = tomllib.loads(dev.ROOT.joinpath("pyproject.toml").read_text("utf-8"))
    wanted = [Requirement(line) for line in project["project"]["dependencies"] + project["dependency-groups"]["dev"]]
    lines = [line.rstrip("\\ ") for line in dev.ROOT.joinpath("requirements.lock").read_text("utf-8").splitlines() if "==" in line]
    pinned = {Requirement(line).name: str(Requirement(line).specifier).removeprefix("==") for line in lines}
    stale = [str(one) for one in wanted if not one.specifier.contains(pinned.get(canonicalize_name(one.name), "0"))]
    assert not stale, f"the lock lacks {', '.join(stale)}: make requirements.lock again (CONTRIBUTING.md, Dependencies)"
