"""Files that leave: a cell can never become a formula, a file name never a header."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import xlsxwriter
from django.http import FileResponse, StreamingHttpResponse

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def safe_cell(value: Any) -> Any:
    """Prefix text that a spreadsheet would run with an apostrophe (also behind spaces and in full width)."""
    if isinstance(value, str) and value.lstrip(" \u3000").startswith(DANGEROUS):
        return "'" + value
    return "" if value is None else value


def disposition(name: str) -> str:
    """Return a Content-Disposition for any file name, Chinese ones and hostile ones included."""
    clean = "".join(c for c in name if c.isprintable() and c not in '"\\/')
    ascii_name = clean.encode("ascii", "ignore").decode().strip() or "export"
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(clean)}"


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield RFC 4180 lines, with a byte order mark so that Excel reads the Chinese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield "\ufeff"
    writer.writerow([safe_cell(cell) for cell in header])
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
        if buffer.tell() > 65536:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Stream the rows as a CSV download."""
    response = StreamingHttpResponse(csv_lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = disposition(name)
    return response


def xlsx_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> FileResponse:
    """Write the rows into a workbook on disk, row by row, and send it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 – FileResponse closes it
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for number, row in enumerate((header, *rows)):
        sheet.write_row(number, 0, [safe_cell(cell) for cell in row])
    book.close()
    file.seek(0)
    response = FileResponse(file, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    response["Content-Disposition"] = disposition(name)
    return response
