"""Excel workbooks: the first sheet's cells as text, with a limit on what a small file may unpack to."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from python_calamine import CalamineError, load_workbook

from marketing.lib.errors import UserError

MAX_UNPACKED = 400 * 1024 * 1024
MAX_ENTRIES = 2_000
MAX_RATIO = 300  # of one part; real sheets pack 5 to 30 times


def is_workbook(path: Path) -> bool:
    """Return whether the archive is an .xlsx; refuse one that would unpack to more than a worker can hold."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile:
        return False
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        return False
    _require_harmless(parts)
    return True


def _require_harmless(parts: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(part.file_size for part in parts)
    bomb = any(part.file_size > MAX_RATIO * max(part.compress_size, 1) and part.file_size > 1 << 20 for part in parts)
    if bomb or unpacked > MAX_UNPACKED or len(parts) > MAX_ENTRIES:
        raise UserError(
            _("The workbook unpacks to more than a spreadsheet should hold. Save the sheet as CSV and upload that.")
        )


def rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows of the first sheet as text, the header first, all as wide as the header."""
    try:
        sheet = load_workbook(str(path)).get_sheet_by_index(0)
        width = 0
        for cells in sheet.iter_rows():
            row = [as_text(cell) for cell in cells]
            width = width or _width(row)
            yield row[:width] + [""] * (width - len(row)) if width else row
    except CalamineError as error:
        raise UserError(_("The workbook is damaged or protected by a password. Nothing was loaded.")) from error


def _width(header: list[str]) -> int:
    return max((number for number, cell in enumerate(header, 1) if cell.strip()), default=0)


def as_text(cell: Any) -> str:
    """Return a cell the way a CSV export would hold it: whole numbers without a point, ISO dates, yes and no."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time.min:
        return cell.date().isoformat()
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)
