"""No cell of a file that leaves can run as a formula; no file name can become a header."""

import csv
import io

import openpyxl
import pytest

from marketing.lib import export


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", "  =", "\u3000＝"]
)
def test_a_cell_that_would_run_is_defused(start):
    assert export.safe_cell(start + "1+1") == "'" + start + "1+1"


@pytest.mark.parametrize("value", ["王芳", "1-2", 12, -3, 1.5, "", "a=b"])
def test_other_cells_stay_as_they_are(value):
    assert export.safe_cell(value) == value


def test_a_csv_reads_back(rf):
    response = export.csv_response("名单.csv", ["客户", "备注"], [["王芳", "=HYPERLINK(1)"], ['李"明', "a,b\nc"]])
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(text[1:]))) == [
        ["客户", "备注"],
        ["王芳", "'=HYPERLINK(1)"],
        ['李"明', "a,b\nc"],
    ]


@pytest.mark.django_db  # closing a response ends its request, and with it the database connection
def test_a_workbook_reads_back():
    response = export.xlsx_response("a.xlsx", ["客户", "金额"], [["=1+1", 12.5]])
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    response.close()  # as the server does; the file on disk goes with it
    assert [[c.value for c in row] for row in sheet.rows] == [["客户", "金额"], ["'=1+1", 12.5]]


@pytest.mark.parametrize("name", ["名单.csv", 'a"b.csv', "..\\..\\etc.csv", "a\r\nSet-Cookie: x.csv"])
def test_a_hostile_file_name_stays_inside_its_header(name):
    header = export.disposition(name)
    assert "\r" not in header and "\n" not in header
    assert header.count('"') == 2 and "\\" not in header
