"""Files written piece by piece: the same bytes however large the pieces are."""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

ROWS_PER_GROUP = 50_000


class CsvSheet:
    """A CSV file in UTF-8 with a header; text cells are quoted."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Open ``path`` and write the header."""
        self.file: BinaryIO = path.open("wb")
        self.file.write((",".join(schema.names) + "\n").encode())
        options = pacsv.WriteOptions(include_header=False, quoting_style="needed", batch_size=20_000)
        self.writer = pacsv.CSVWriter(self.file, schema, write_options=options)

    def write(self, table: pa.Table) -> None:
        """Append the rows."""
        self.writer.write_table(table.combine_chunks())

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()
        self.file.close()


class ParquetSheet:
    """A Parquet file whose row groups are ``ROWS_PER_GROUP`` long, the last apart: its bytes do not tell the pieces."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Open ``path``."""
        self.writer = pq.ParquetWriter(path, schema, compression="zstd")
        self.waiting = schema.empty_table()

    def write(self, table: pa.Table) -> None:
        """Take the rows, and write the row groups that are full."""
        self.waiting = pa.concat_tables([self.waiting, table])
        while self.waiting.num_rows >= ROWS_PER_GROUP:
            self._group(self.waiting.slice(0, ROWS_PER_GROUP))
            self.waiting = self.waiting.slice(ROWS_PER_GROUP)

    def _group(self, rows: pa.Table) -> None:
        self.writer.write_table(rows.combine_chunks(), row_group_size=ROWS_PER_GROUP)

    def close(self) -> None:
        """Write what is left, and finish the file."""
        if self.waiting.num_rows:
            self._group(self.waiting)
        self.writer.close()


class Sheets:
    """The files of one folder by name; ``rows`` counts what each was given so far, its header apart.

    A thread writes one piece (Arrow frees the interpreter meanwhile) while the next is being made; never more than one.
    """

    def __init__(self, folder: Path) -> None:
        """Write into ``folder``, which exists."""
        self.folder = folder
        self.rows: Counter[str] = Counter()
        self._open: dict[str, CsvSheet | ParquetSheet] = {}
        self._waiting: dict[str, list[pa.Table]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sheets")
        self._piece: Future[None] | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write what is waiting, unless something failed, and close every file."""
        try:
            if kind is None:
                self.flush()
                self._finish_piece()
        finally:
            self._thread.shutdown()
            for sheet in self._open.values():
                sheet.close()

    def add(self, name: str, table: pa.Table) -> None:
        """Hold a table for the file ``name`` until the next flush."""
        self.rows[name] += table.num_rows
        self._waiting.setdefault(name, []).append(table)

    def flush(self) -> None:
        """Start to write what is waiting, once the piece before is written; its failure is raised here."""
        self._finish_piece()
        piece, self._waiting = self._waiting, {}
        self._piece = self._thread.submit(self._write, piece)

    def _finish_piece(self) -> None:
        piece, self._piece = self._piece, None
        if piece is not None:
            piece.result()

    def _write(self, piece: dict[str, list[pa.Table]]) -> None:
        for name in list(piece):
            tables = piece.pop(name)
            self._sheet(name, tables[0].schema).write(pa.concat_tables(tables))

    def _sheet(self, name: str, schema: pa.Schema) -> CsvSheet | ParquetSheet:
        if name not in self._open:
            kind = ParquetSheet if name.endswith(".parquet") else CsvSheet
            self._open[name] = kind(self.folder / name, schema)
        return self._open[name]
