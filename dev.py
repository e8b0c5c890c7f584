#!/usr/bin/env python3
"""Run twsprobe's demo, tests and checks in an environment of their own.

    python3 dev.py demo [ARGS]          show the program on a simulated TWS; ARGS go to `twsprobe demo`
    python3 dev.py test [PYTEST ARGS]   run the tests; PYTEST ARGS go to pytest
    python3 dev.py lint                 ruff (rules and format) and mypy
    python3 dev.py check [--deep]       the tests with coverage, then lint; --deep: far more random examples,
                                        and mypy for the oldest and newest Python and for every system

The environment is made in .venv on the first start, from requirements.lock, and kept until the lock, pyproject.toml,
the Python or the folder changes. The exit code is that of what was run; 2 for a wrong command line, 3 when the
environment could not be made.
"""

# Needs a Python with either pip or ensurepip, and nothing else. Debian and Ubuntu ship a Python whose venv module works but
# whose ensurepip is a package apart, so the environment is made without pip, and the running Python's pip installs into it.

import hashlib
import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
OLDEST, NEWEST = (3, 11), (3, 14)
OLDEST_PIP = (22, 3)  # the first whose --python installs into another environment
USAGE, NO_ENVIRONMENT = 2, 3

if not OLDEST <= sys.version_info[:2] <= NEWEST:
    print("dev.py: needs Python 3.11 to 3.14, and this is {}.{} ({})".format(*sys.version_info[:2], sys.executable), file=sys.stderr)
    sys.exit(NO_ENVIRONMENT)


def environment_python(root: Path) -> Path:
    """The Python inside root's environment, whether or not it is there."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp(root: Path) -> str:
    """What an environment was made from: one that carries another stamp is made again."""
    # The folder counts because the environment's scripts and its link to src hold absolute paths.
    made_from = [sys.version.encode(), sys.base_prefix.encode(), bytes(root)]
    made_from += [(root / name).read_bytes() for name in ("requirements.lock", "pyproject.toml")]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in made_from)).hexdigest()


def is_current(root: Path) -> bool:
    """True when root's environment is whole and made from what is there now."""
    stamp_file = root / ".venv" / "stamp"
    return stamp_file.is_file() and stamp_file.read_text() == stamp(root) and environment_python(root).exists()


def has_usable_pip() -> bool:
    """True when the running Python's pip can install into another environment."""
    if importlib.util.find_spec("pip") is None:
        return False
    return tuple(int(number) for number in importlib.import_module("pip").__version__.split(".")[:2]) >= OLDEST_PIP


def make_environment(root: Path) -> None:
    """Make root's environment from nothing. Raises SystemExit with one line for the user."""
    folder = root / ".venv"
    own_pip = has_usable_pip()
    if not own_pip and importlib.util.find_spec("ensurepip") is None:
        fail(f"{sys.executable} has no pip {OLDEST_PIP[0]}.{OLDEST_PIP[1]} or later: install it (Debian, Ubuntu: apt install python3-pip)")
    print(f"dev.py: making the environment {folder} (once, about a minute)", file=sys.stderr, flush=True)
    python = str(environment_python(root))
    pip = [sys.executable, "-m", "pip", "--python", python] if own_pip else [python, "-m", "pip"]
    install = [*pip, "--disable-pip-version-check", "--no-input", "install", "-qq"]
    try:
        if folder.exists():
            shutil.rmtree(folder)
        venv.create(folder, symlinks=os.name != "nt", with_pip=not own_pip)
        for arguments in (
            # The lock names everything. Resolving it again would make older pips refuse a pinned package once a newer one is out.
            ["--require-hashes", "--no-deps", "--only-binary=:all:", "-r", "requirements.lock"],
            ["--no-deps", "--no-build-isolation", "--editable", "."],
        ):
            if run([*install, *arguments], folder=root) != 0:
                fail("pip could not install what requirements.lock names: its message is above")
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"could not make {folder}: {error}")
    (folder / "stamp").write_text(stamp(root))  # last, so that an interrupted environment carries none


def run(command: list[str], folder: Path | None = None) -> int:
    """Run a command to its end, in a folder or where we are, and return its exit code (128 + n when signal n ended it)."""
    process = subprocess.Popen(command, cwd=folder)
    # Ctrl-C reaches the child too, and how to end is the child's decision. SIGTERM reaches only us.
    previous = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                code = process.wait()
            except KeyboardInterrupt:
                continue
            return code if code >= 0 else 128 - code
    finally:
        signal.signal(signal.SIGTERM, previous)


def fail(line: str) -> NoReturn:
    """Say why there is no environment, and stop."""
    print(f"dev.py: {line}", file=sys.stderr)
    raise SystemExit(NO_ENVIRONMENT)


def lint(python: str, deep: bool = False) -> int:
    """Rules, format and types; all of them, also after the first that found something."""
    mypy = [python, "-m", "mypy"]
    commands = [[python, "-m", "ruff", "check", "."], [python, "-m", "ruff", "format", "--check", "."], mypy]
    if deep:
        for version in (OLDEST, NEWEST):
            for platform in ("linux", "darwin", "win32"):
                commands.append([*mypy, "--platform", platform, "--python-version", "{}.{}".format(*version)])
    return max(run(command, ROOT) for command in commands)


def main(arguments: list[str]) -> int:
    """Run one command line of this file and return its exit code."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command in ("-h", "--help"):
        print(__doc__)
        return 0
    options_are_known = {"demo": True, "test": True, "lint": not rest, "check": rest in ([], ["--deep"])}.get(command, False)
    if not options_are_known:
        print(f"dev.py: no such command line: {' '.join(arguments) or '(nothing)'}\n\n{__doc__}", file=sys.stderr)
        return USAGE
    if not is_current(ROOT):
        make_environment(ROOT)
    python = str(environment_python(ROOT))
    if command == "demo":
        return run([python, "-m", "twsprobe", "demo", *rest])
    if command == "test":
        return run([python, "-m", "pytest", *rest], ROOT)
    if command == "lint":
        return lint(python)
    deep = bool(rest)
    profile = ["--hypothesis-profile=deep"] if deep else []
    return max(run([python, "-m", "pytest", "--cov", *profile], ROOT), lint(python, deep))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
