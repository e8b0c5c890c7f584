"""``twsprobe wireshark``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from twsprobe.cli.exits import ExitCode, IOFailed

FILE = "tws.lua"
ANSWER_TIMEOUT = 20.0
"""Seconds that Wireshark has to say where its folders are."""
LONGEST_LINE = 200
"""Characters that are read of a file to see whether it is ours."""


@click.group(short_help="Give Wireshark and tshark a dissector.", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """A Lua dissector of the TWS protocol for Wireshark and tshark: every message and field by name, text and protobuf."""


@command.command(short_help="Write the dissector where Wireshark loads it.")
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help="Write it here, not to the personal folder of Lua plugins.")
def install(output: str | None) -> int:
    """Write the dissector to the personal folder of Lua plugins, or over an earlier one there.

    A running Wireshark loads it with Analyze, Reload Lua Plugins.
    """
    from twsprobe.views.dissector import dissector

    path = Path(output) if output is not None else plugin_folder() / FILE
    try:
        if path.exists() and not ours(path):
            raise IOFailed(f"{path} is there and was not written by twsprobe: move it away, or give --output another file")
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, dissector())
    except OSError as fault:
        raise IOFailed(f"cannot write {path}: {fault.strerror or fault}") from None
    click.echo(f"wrote {click.format_filename(path)}")
    return int(ExitCode.OK)


@command.command("print", short_help="Print the dissector.")
def print_it() -> int:
    """Print the dissector, for `tshark -X lua_script:FILE` or a folder of your own."""
    from twsprobe.views.dissector import dissector

    sys.stdout.write(dissector())
    return int(ExitCode.OK)


def plugin_folder() -> Path:
    """The personal folder of Lua plugins: what an installed tshark or Wireshark says, else the usual one of this system."""
    for program in ("tshark", "wireshark"):
        found = shutil.which(program)
        if found is not None and (folder := told_folder(found)) is not None:
            return folder
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "Wireshark" / "plugins"
    return Path.home() / ".local" / "lib" / "wireshark" / "plugins"


def told_folder(program: str) -> Path | None:
    """The folder that a program of Wireshark names; None when it names none."""
    try:
        done = subprocess.run(
            [program, "-G", "folders"], capture_output=True, timeout=ANSWER_TIMEOUT, encoding="utf-8", errors="replace", check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    for line in done.stdout.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "Personal Lua Plugins" and Path(value.strip()).is_absolute():
            return Path(value.strip())
    return None


def ours(path: Path) -> bool:
    """Whether a file was written by us. Raises OSError."""
    from twsprobe.views.dissector import is_ours

    with path.open(encoding="utf-8", errors="replace") as file:
        return is_ours(file.read(LONGEST_LINE))


def replace(path: Path, text: str) -> None:
    """Put a text in a file, whole or not at all, readable by its owner alone. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
