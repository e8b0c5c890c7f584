"""Writing records that are in memory as a capture, for a test that others will replay."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from twsprobe.capture.model import Record
from twsprobe.capture.redact import Survey, redacted
from twsprobe.capture.redactor import CannotPromise, Redactor
from twsprobe.capture.writing import open_writer


def keep(records: Sequence[Record], path: str | os.PathLike[str], redactor: Redactor | None = None) -> None:
    """Write records to a file, in the format that its name says, redacted if there is a redactor; one of its name is replaced.

    The file is there whole or not at all, and its folder is made. Raises CannotPromise, with each Doubt in ``doubts``, where the records
    may hold a secret that cannot be found; CaptureError and OSError where the file cannot be written.
    """
    kept, metadata = iter(records), {}
    if redactor is not None:
        survey = Survey(redactor)
        survey.read(records)
        if survey.doubts:
            raise CannotPromise("parts of the recording may hold a secret", survey.doubts)
        kept = redacted(records, redactor)
        metadata = {"redacted": "yes", "redacted_kinds": " ".join(sorted(kind.value for kind in redactor.kinds))}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with open_writer(new, metadata=metadata, created_ns=records[0].time_ns if records else None) as writer:
            for record in kept:
                writer.write(record)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
