"""Tables as Parquet: a file, or a folder that grows capture by capture, in the layout that Hive began and all readers know.

Below the folder ``frames/date=2026-01-02/capture=morning.pcapng/frames.parquet``: the table, the day (UTC) on which the capture began, and
its name. One capture is one file, so a second run adds captures and cannot double one. What a folder's name says is in no column of the
file, and readers make columns of it. Times are whole numbers of nanoseconds: Spark reads no timestamps of that precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet

from twsprobe.capture.message_columns import Columns, from_rows, schema_of
from twsprobe.capture.message_rows import Frames
from twsprobe.capture.seen import iso_time
from twsprobe.capture.table_files import Batch, Writer, created, rows_of
from twsprobe.capture.tables import Column, Kind, Table

LARGEST_GROUP, MOST_ROWS = 8 << 20, 1 << 16
"""Bytes in memory, and rows, from which on a group of rows is written."""
NO_DATE = "__HIVE_DEFAULT_PARTITION__"
"""Hive's name for a key without a value: the day of a time that no calendar has."""


class One:
    """A Parquet file being written."""

    def __init__(self, path: str, table: Table, schema: pa.Schema, *, overwrite: bool) -> None:
        self._path = path
        self._file = created(path, overwrite)
        repeating = [column.name for column in table.columns if column.name in schema.names and repeats(column)]
        self._writer = pa.parquet.ParquetWriter(self._file, schema, compression="zstd", use_dictionary=repeating)
        self._waiting: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Add rows. Raises OSError."""
        self._waiting.append(rows)
        if sum(len(each) for each in self._waiting) >= MOST_ROWS or sum(each.nbytes for each in self._waiting) >= LARGEST_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait as one group."""
        if self._waiting:
            rows = pa.concat_tables(self._waiting)
            self._waiting.clear()
            self._writer.write_table(rows, row_group_size=len(rows) or 1)

    def close(self) -> None:
        """Write what waits, and the footer. Raises OSError; a file without a footer says nothing, and is removed then."""
        try:
            with self._file:
                try:
                    self.flush()
                finally:
                    self._writer.close()
        except OSError:
            Path(self._path).unlink(missing_ok=True)
            raise


def repeats(column: Column) -> bool:
    """Whether the values of a column come again, so that a dictionary of them is worth its time."""
    return column.kind not in (Kind.JSON, Kind.BYTES) and column.name not in ("sequence", "time_ns")


class Parquet(Writer):
    """What both forms share: how rows become columns."""

    def __init__(self, path: str, table: Table) -> None:
        super().__init__(path, table)
        self._columns = Columns()

    def tables(self, batch: Batch) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        found = self._columns.tables(batch) if isinstance(batch, Frames) else [from_rows(self.table, rows_of(batch))]
        for rows in found:
            self.count += len(rows)
            yield rows


class File(Parquet):
    """All captures in one file."""

    def __init__(self, path: str, table: Table, *, overwrite: bool = False) -> None:
        super().__init__(path, table)
        self._one = One(path, table, schema_of(table), overwrite=overwrite)

    def write(self, batch: Batch) -> None:
        for rows in self.tables(batch):
            self._one.add(rows)

    def close(self) -> None:
        self._one.close()


class Folder(Parquet):
    """A folder in a Hive layout, a file a capture."""

    def __init__(self, path: str, table: Table, *, overwrite: bool = False) -> None:
        super().__init__(path, table)
        self._overwrite = overwrite
        self._capture: tuple[str, int | None] = "", None
        self._one: One | None = None

    def begin(self, capture: str, began_ns: int | None) -> None:
        self.close()
        self._capture = capture, began_ns

    def write(self, batch: Batch) -> None:
        for rows in self.tables(batch):
            if len(rows):
                self._one = self._one or self.begun(*self._capture)
                self._one.add(rows.drop_columns("capture"))

    def begun(self, capture: str, began_ns: int | None) -> One:
        """The file of a capture, which is there once it has rows. Raises CaptureError, OSError."""
        moment = "" if began_ns is None else iso_time(began_ns)
        date = moment.partition("T")[0] if "T" in moment else NO_DATE
        folder = Path(self.path)
        for name in ("", self.table.name, f"date={date}", f"capture={quote(capture, safe='')}"):
            folder /= name
            folder.mkdir(mode=0o700, exist_ok=True)
        return One(str(folder / f"{self.table.name}.parquet"), self.table, schema_of(self.table).remove(0), overwrite=self._overwrite)

    def close(self) -> None:
        if self._one is not None:
            one, self._one = self._one, None
            one.close()
