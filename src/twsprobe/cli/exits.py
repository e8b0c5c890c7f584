"""What the program returns to the shell. A failed probe returns its signature's own code (10 to 31, see ``probe.signatures``)."""

from __future__ import annotations

import enum

import click


class ExitCode(enum.IntEnum):
    """Exit codes that are not a signature's."""

    OK = 0
    FINDINGS = 1
    """A check that was asked for has findings; for the demo, a verdict that was not right."""
    USAGE = 2
    IO_FAILED = 3
    """Reading or writing a file of ours failed, or standard output is gone."""
    CAPTURE_CORRUPT = 4
    """A capture is torn, or is none; what stood before the fault was shown."""
    BUG = 70
    INTERRUPTED = 130


class IOFailed(click.ClickException):
    """A file of ours could not be read or written."""

    exit_code = int(ExitCode.IO_FAILED)


class CaptureCorrupt(click.ClickException):
    """A capture is torn, or is none."""

    exit_code = int(ExitCode.CAPTURE_CORRUPT)
