"""Files of tables: JSON Lines, CSV and Parquet, one file or a folder in a Hive layout.

Each file is made readable and writable by its owner only, and none is overwritten unless that is asked for. Whatever ends the writing, what
was written is a whole file: Parquet has its footer, so an interrupt leaves the rows up to there.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import BinaryIO, Self

from twsprobe.capture.files import create
from twsprobe.capture.message_rows import Frames
from twsprobe.capture.model import CaptureError
from twsprobe.capture.tables import Column, Kind, Row, Table, as_json

SUFFIXES = (".parquet", ".csv", ".jsonl")


Batch = Sequence[Row] | Frames
"""Rows of one capture, in whichever form they are held."""


def rows_of(batch: Batch) -> Sequence[Row]:
    """The rows as tuples."""
    return batch.rows() if isinstance(batch, Frames) else batch


class Writer(ABC):
    """A table being written: a context manager. ``count`` tells how many rows were written."""

    def __init__(self, path: str, table: Table) -> None:
        self.path, self.table = path, table
        self.count = 0

    def begin(self, capture: str, began_ns: int | None) -> None:  # noqa: B027  # most formats need not know
        """What is written next is of this capture, which began at this time, if that is known. Raises OSError."""

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Write some rows. Raises OSError, and CaptureError for a file that is there already."""

    @abstractmethod
    def close(self) -> None:
        """Write what ends the file. Raises OSError."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class JsonLines(Writer):
    """A JSON object a row."""

    def __init__(self, path: str, table: Table, *, overwrite: bool = False) -> None:
        super().__init__(path, table)
        self._file = created(path, overwrite)

    def write(self, batch: Batch) -> None:
        names = [f'"{column.name}": ' for column in self.table.columns]
        kinds = [column.kind for column in self.table.columns]
        for row in rows_of(batch):
            parts = [name + as_json(kind, value) for name, kind, value in zip(names, kinds, row, strict=True)]
            self._file.write(f"{{{', '.join(parts)}}}\n".encode("ascii"))
            self.count += 1

    def close(self) -> None:
        self._file.close()


class Csv(Writer):
    """A line a row, in UTF-8, with the names of the columns above them; what is unset is empty. ``cell`` makes texts harmless."""

    def __init__(self, path: str, table: Table, *, cell: Callable[[str], str] | None = None, overwrite: bool = False) -> None:
        import csv

        super().__init__(path, table)
        self._file = io.TextIOWrapper(created(path, overwrite), "utf-8", newline="")
        self._lines = csv.writer(self._file)
        self._cell = cell or str
        self._lines.writerow([column.name for column in table.columns])

    def write(self, batch: Batch) -> None:
        columns = self.table.columns
        for row in rows_of(batch):
            self._lines.writerow([self.shown(column, value) for column, value in zip(columns, row, strict=True)])
            self.count += 1

    def shown(self, column: Column, value: object) -> object:
        """A value as a cell: only texts can be taken for a formula, as numbers are numbers and JSON begins with a bracket."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, bytes):
            return value.hex()
        return self._cell(value) if isinstance(value, str) and column.kind is Kind.TEXT else value

    def close(self) -> None:
        self._file.close()


def created(path: str, overwrite: bool) -> BinaryIO:
    """A new file, written in large pieces. Raises CaptureError or OSError as ``files.create`` does."""
    return io.BufferedWriter(create(path, overwrite, "say --overwrite"), 1 << 20)


def open_table(path: str, table: Table, *, hive: bool = False, cell: Callable[[str], str] | None = None, overwrite: bool = False) -> Writer:
    """A new file of a table, by its suffix, or with ``hive`` a folder of them.

    Raises CaptureError as ``created`` does, and if pyarrow is wanted and not installed; ValueError for another suffix; OSError.
    """
    suffix = ".parquet" if hive else next((suffix for suffix in SUFFIXES if path.lower().endswith(suffix)), "")
    if suffix == ".jsonl":
        return JsonLines(path, table, overwrite=overwrite)
    if suffix == ".csv":
        return Csv(path, table, cell=cell, overwrite=overwrite)
    if not suffix:
        raise ValueError(path)
    try:
        from twsprobe.capture import parquet
    except ImportError:
        raise CaptureError(path, 0, "writing Parquet needs pyarrow: install twsprobe[parquet]") from None
    return parquet.Folder(path, table, overwrite=overwrite) if hive else parquet.File(path, table, overwrite=overwrite)
