"""What a file is, by its bytes and never by its name, and how its rows are read with their line numbers."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.utils.translation import gettext as _

from marketing.lib.errors import UserError
from warehouse.feeds import spreadsheets
from warehouse.feeds.headers import require_header

BLOCK = 1 << 20
HEAD = 1 << 18
MAX_CELL = 32_768
DELIMITERS = (",", ";", "\t", "|")
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
BINARY = (
    b"\x89PNG",
    b"%PDF",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x7fELF",
    b"Rar!",
    b"7z\xbc\xaf",
    b"BZh",
    b"\xd0\xcf\x11\xe0",
)
MARKUP = (b"<", b"{", b"[")


@dataclass
class Layout:
    """What was found out about a file: its format, its columns, and how many lines it has."""

    format: str  # csv, parquet, xlsx
    columns: list[str]
    encoding: str = "utf-8"
    delimiter: str = ","
    packed: bool = False
    rows: int = 0
    types: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def first_line(self) -> int:
        """Return the number a person gives the first row of data: 2 under a header, 1 in a Parquet file."""
        return 1 if self.format == "parquet" else 2


def require_size(size: int) -> None:
    """Refuse a file that is empty or over the limit, before anything of it is read."""
    if size == 0:
        raise UserError(_("The file is empty. Nothing was loaded; export it again and upload it."))
    if size > settings.MAX_UPLOAD_BYTES:
        limit = f"{settings.MAX_UPLOAD_BYTES / 1024**3:.3g} GB"
        raise UserError(
            _(
                "The file is larger than %(limit)s. Nothing was loaded; split it into several files, or "
                "compress it with gzip or deliver it as Parquet."
            )
            % {"limit": limit}
        )


def inspect(path: Path) -> Layout:
    """Read through the file once and say what it is; raise UserError with the sentence where it cannot be used."""
    require_size(path.stat().st_size)
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"PAR1"):
        return _inspect_parquet(path)
    if head.startswith(b"PK\x03\x04"):
        return _inspect_workbook(path)
    return _inspect_csv(path, packed=head.startswith(b"\x1f\x8b"))


def not_a_table() -> UserError:
    return UserError(
        _("This is not a CSV, Excel (.xlsx) or Parquet file. Nothing was loaded; export the data in one of these.")
    )


# ---------------------------------------------------------------------------------------------- Parquet, Excel


def _inspect_parquet(path: Path) -> Layout:
    try:
        about = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            _("The Parquet file is damaged or incomplete. Nothing was loaded; deliver it again.")
        ) from error
    nested = [f.name for f in about.schema_arrow if pa.types.is_nested(f.type)]
    if nested:
        raise UserError(
            _("The column “%(name)s” holds lists or structures. A feed takes plain columns.") % {"name": nested[0]}
        )
    require_header(list(about.schema_arrow.names))
    _require_rows(about.metadata.num_rows)
    return Layout(
        "parquet",
        list(about.schema_arrow.names),
        rows=about.metadata.num_rows,
        types=[str(f.type) for f in about.schema_arrow],
    )


def _inspect_workbook(path: Path) -> Layout:
    if not spreadsheets.is_workbook(path):
        raise not_a_table()
    rows = spreadsheets.rows(path)
    header = next(rows, [])
    require_header(header)
    count = sum(1 for _row in rows)
    _require_rows(count)
    return Layout("xlsx", header, rows=count)


# ------------------------------------------------------------------------------------------------------- CSV


def _inspect_csv(path: Path, *, packed: bool) -> Layout:
    head = _head(path, packed)
    if not head:
        raise UserError(_("The file is empty. Nothing was loaded; export it again and upload it."))
    bom = next((BOMS[b] for b in BOMS if head.startswith(b)), "")
    _require_text(head, wide=bom == "utf-16")
    encoding, lines = _encoding(path, packed, bom)
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    delimiter = _delimiter(text)
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    require_header(_without_trailing_blanks(header))
    _require_rows(lines - 1)
    return Layout("csv", [cell.strip() for cell in header], encoding, delimiter, packed, rows=lines - 1)


def _without_trailing_blanks(header: list[str]) -> list[str]:
    while header and not header[-1].strip():
        header.pop()
    return [cell.strip() for cell in header]


def _head(path: Path, packed: bool) -> bytes:
    with open_bytes(path, packed) as file:
        try:
            return file.read(HEAD)
        except (OSError, EOFError) as error:
            raise _damaged_gzip() from error


def _damaged_gzip() -> UserError:
    return UserError(_("The compressed file is damaged or incomplete. Nothing was loaded; compress it again."))


def _require_text(head: bytes, *, wide: bool) -> None:
    start = head.lstrip(codecs.BOM_UTF8).lstrip()
    if head.startswith(BINARY) or start.startswith(MARKUP) or (b"\0" in head and not wide):
        raise not_a_table()


def open_bytes(path: Path, packed: bool) -> BinaryIO:
    """Open the file's bytes, unpacked where it is gzip."""
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def blocks(path: Path, packed: bool) -> Iterator[bytes]:
    """Yield the file's bytes; refuse a small gzip that unpacks to more than a feed may hold."""
    total = 0
    with open_bytes(path, packed) as file:
        try:
            while block := file.read(BLOCK):
                total += len(block)
                require_size(total)
                yield block
        except (OSError, EOFError) as error:
            raise _damaged_gzip() from error


def _encoding(path: Path, packed: bool, bom: str) -> tuple[str, int]:
    """Return the encoding that reads the whole file, and its number of lines."""
    furthest = 0
    for encoding in (bom,) if bom else ("utf-8", "gb18030"):
        lines, whole = _decode_all(path, packed, encoding)
        if whole:
            return encoding, lines
        furthest = max(furthest, lines)
    raise UserError(
        _(
            "Line %(line)d cannot be read as UTF-8 or GB18030. Nothing was loaded; save the file as “CSV UTF-8” and "
            "upload it again."
        )
        % {"line": furthest}
    )


def _decode_all(path: Path, packed: bool, encoding: str) -> tuple[int, bool]:
    """Return (lines, True), or (number of the line that cannot be read, False)."""
    decoder = codecs.getincrementaldecoder(encoding)()
    newlines, tail = 0, "\n"
    for block in blocks(path, packed):
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            return newlines + block[: error.start].count(b"\n") + 1, False
        newlines, tail = newlines + text.count("\n"), (tail + text)[-256:]
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return newlines + 1, False
    blank = tail[len(tail.rstrip()) :].count("\n") - 1  # lines left empty at the end; -1: the last is not ended
    return newlines - blank, True


def _delimiter(text: str) -> str:
    """Return the separator that cuts the first line into the most cells, outside of quotes."""
    bare: Counter[str] = Counter()
    inside = False
    for character in text:
        if character == '"':
            inside = not inside
        elif character == "\n" and not inside:
            break
        elif not inside:
            bare[character] += 1
    return max(DELIMITERS, key=lambda d: bare[d])


def _require_rows(rows: int) -> None:
    if rows < 1:
        raise UserError(_("The file has a header but no rows. Nothing was loaded."))


# ------------------------------------------------------------------------------------------- samples and rows


def sample(path: Path, layout: Layout, limit: int = 500) -> list[list[str]]:
    """Return the first rows as text, to guess types from; never stored unmasked."""
    if layout.format == "parquet":
        batch = next(pq.ParquetFile(path).iter_batches(batch_size=limit), None)
        columns = (
            [["" if v is None else str(v) for v in column.to_pylist()] for column in batch.columns] if batch else []
        )
        return [list(row) for row in zip(*columns, strict=True)]
    rows = spreadsheets.rows(path) if layout.format == "xlsx" else _head_rows(path, layout)
    next(rows, None)
    wanted: list[list[str]] = []
    with suppress(csv.Error):  # a torn cell beyond the header: the run will name its line
        wanted.extend(islice(rows, limit))
    return [row for row in wanted if len(row) == len(layout.columns)]


def _head_rows(path: Path, layout: Layout) -> Iterator[list[str]]:
    text = codecs.getincrementaldecoder(layout.encoding)().decode(_head(path, layout.packed))
    whole = text[: text.rfind("\n") + 1] or text
    return iter(csv.reader(io.StringIO(whole, newline=""), delimiter=layout.delimiter))


@dataclass(frozen=True)
class Rows:
    """A place DuckDB reads rows from: columns c0, c1, … as text; `numbered` when `line` is a column too.

    `ragged` are rows that have more or fewer cells than the header: (line, cells).
    """

    source: str
    numbered: bool = False
    ragged: tuple[tuple[int, int], ...] = ()


def plain_rows(path: Path, layout: Layout, work: Path) -> Rows:
    """Return the rows for the fast way: every line one row, so that a row's number gives its line."""
    if layout.format == "parquet":
        names = ", ".join(
            f'CAST("{name.replace(chr(34), chr(34) * 2)}" AS VARCHAR) AS c{i}' for i, name in enumerate(layout.columns)
        )
        return Rows(f"(SELECT {names} FROM read_parquet({_text(path)}))")
    if layout.format == "xlsx":
        return numbered_rows(path, layout, work)
    if layout.packed or layout.encoding not in ("utf-8", "utf-8-sig"):
        path = _as_utf8(path, layout, work / "utf8.csv")
    return Rows(_read_csv(path, layout.delimiter, [f"c{i}" for i in range(len(layout.columns))]))


def numbered_rows(path: Path, layout: Layout, work: Path) -> Rows:
    """Return the rows for the careful way, for files with line breaks in cells, blank lines or torn rows."""
    ragged: list[tuple[int, int]] = []
    target = work / "numbered.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for line, row in _careful(path, layout):
            if len(row) != len(layout.columns):
                ragged.append((line, len(row)))
            else:
                writer.writerow([line, *row])
    names = ["line", *(f"c{i}" for i in range(len(layout.columns)))]
    return Rows(_read_csv(target, ",", names, header=False), numbered=True, ragged=tuple(ragged))


def _careful(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which the row begins, cells) of every row that is not blank."""
    if layout.format == "xlsx":
        for line, row in enumerate(spreadsheets.rows(path), 1):
            if line > 1 and any(row):
                yield line, row
        return
    decoder = codecs.getreader(layout.encoding)
    with open_bytes(path, layout.packed) as file:
        reader = csv.reader(_lines(decoder(file)), delimiter=layout.delimiter)
        line = 1
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise UserError(
                    _("Line %(line)d opens a quotation mark that is never closed.") % {"line": line}
                ) from error
            if line > 1 and row:
                yield line, _cut(row, len(layout.columns))
            line = reader.line_num + 1


def _cut(row: list[str], width: int) -> list[str]:
    """Drop empty cells beyond the header: spreadsheets add them."""
    while len(row) > width and not row[-1].strip():
        row.pop()
    return row


def _lines(reader: codecs.StreamReader) -> Iterator[str]:
    """Yield lines cut at line feeds only; a stream reader would also cut at separators inside text."""
    rest = ""
    while block := reader.read(BLOCK):
        parts = (rest + block).split("\n")
        rest = parts.pop()
        for part in parts:
            yield part + "\n"
    if rest:
        yield rest


def _as_utf8(path: Path, layout: Layout, target: Path) -> Path:
    decoder = codecs.getincrementaldecoder(layout.encoding)()
    with target.open("wb") as out:
        for block in blocks(path, layout.packed):
            out.write(decoder.decode(block).encode())
        out.write(decoder.decode(b"", final=True).encode())
    return target


def _read_csv(path: Path, delimiter: str, names: list[str], *, header: bool = True) -> str:
    """Return the table function that reads every cell as text, and fails on a row of another width."""
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return (
        f"read_csv({_text(path)}, delim = {_text(delimiter)}, quote = '\"', escape = '\"', header = false, "
        f"skip = {int(header)}, auto_detect = false, columns = {{{columns}}}, strict_mode = true, "
        f"null_padding = false, max_line_size = {MAX_CELL * 64})"
    )


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
