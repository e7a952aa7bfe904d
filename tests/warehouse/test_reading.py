"""What a file is, by its bytes; each file that cannot be used gets its sentence and leaves nothing behind."""

import gzip
import io
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from marketing.lib.errors import UserError
from tests.warehouse.conftest import GOOD, HEADER, customers_csv, faults, table
from warehouse.models import FeedRun

pytestmark = pytest.mark.django_db


def workbook(rows: list[list[object]]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return buffer.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer)
    return buffer.getvalue()


# ------------------------------------------------------------------------------------------------ good files

TYPED = [["6010000001", "王芳", 14212345678, "B001", 34, 12000.5], ["6010000002", "李明", 14212345679, "B002", 51, 380]]
FILES = {
    "utf-8": customers_csv(),
    "utf-8 with BOM": customers_csv(encoding="utf-8-sig"),
    "gb18030": customers_csv(encoding="gb18030"),
    "utf-16": customers_csv(encoding="utf-16"),
    "semicolons": customers_csv(delimiter=";"),
    "tabs": customers_csv(delimiter="\t"),
    "bars": customers_csv(delimiter="|"),
    "windows lines": customers_csv().replace(b"\n", b"\r\n"),
    "no last newline": customers_csv().rstrip(b"\n"),
    "gzip": gzip.compress(customers_csv()),
    "gb18030 in gzip": gzip.compress(customers_csv(encoding="gb18030")),
    "parquet": parquet(pd.DataFrame(GOOD, columns=HEADER)),
    "xlsx": workbook([HEADER, *TYPED, ["6010000003", "欧阳修远", "", "B001", "", ""]]),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_the_same_three_customers_land_from_every_kind_of_file(load, content):
    run = load(content, name="delivery.bin")
    assert (run.rows_in, run.rows_landed, run.rows_rejected) == (3, 3, 0)
    assert sorted(table().aum.dropna()) == [380.0, 12000.5]
    from customers.models import Customer

    assert [c.name for c in Customer.objects.order_by("number")] == ["王芳", "李明", "欧阳修远"]
    assert Customer.objects.get(number="6010000002").phone == "+8614212345679"


def test_a_line_break_inside_quotes_keeps_the_line_numbers_right(load):
    rows = [
        ["1", "王芳", "", "B001", "34", "1"],
        ["2", "李\n明", "", "B001", "51", "2"],
        ["3", "张伟", "", "B001", "x", "3"],
    ]
    run = load(customers_csv(*rows))
    assert faults(run) == [(5, "age", "This is not a number.")]
    assert (run.rows_in, run.rows_landed) == (3, 2)


def test_blank_lines_are_no_rows_and_move_no_line_number(load):
    content = customers_csv(*GOOD) + b"\n\n6010000009,a,,B001,old,\n"
    run = load(content)
    assert faults(run) == [(7, "age", "This is not a number.")]
    assert (run.rows_in, run.rows_landed, run.rows_rejected) == (4, 3, 1)


def test_a_torn_row_is_rejected_with_its_line_and_the_rest_lands(load):
    run = load(customers_csv(*GOOD) + b"6010000009,a\n6010000010,b,,B001,1,2,3\n")
    assert [(line, text) for line, _column, text in faults(run)] == [
        (5, "The row has 2 cells, which is not what the header has."),
        (6, "The row has 7 cells, which is not what the header has."),
    ]
    assert (run.rows_in, run.rows_landed, run.rows_rejected) == (5, 3, 2)


def test_the_header_repeated_as_a_row_is_rejected(load):
    run = load(customers_csv(*GOOD, HEADER))
    assert faults(run) == [(5, "", "The line repeats the header.")]
    assert run.rows_landed == 3


# ------------------------------------------------------------------------------------------------- bad files


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (64 << 20))
    return buffer.getvalue()


def plain_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("customers.csv", "a,b")
    return buffer.getvalue()


NOT_A_TABLE = "This is not a CSV, Excel (.xlsx) or Parquet file. Nothing was loaded"
REFUSED = {
    "empty": (b"", "The file is empty. Nothing was loaded"),
    "empty gzip": (gzip.compress(b""), "The file is empty. Nothing was loaded"),
    "header only": (customers_csv(header=HEADER).split(b"\n")[0] + b"\n", "The file has a header but no rows."),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), NOT_A_TABLE),
    "pdf": (b"%PDF-1.7 ...", NOT_A_TABLE),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), NOT_A_TABLE),
    "a zip of something": (plain_zip(), NOT_A_TABLE),
    "a web page": (b"<!DOCTYPE html><html><body>Session expired</body></html>", NOT_A_TABLE),
    "json": (b'{"customers": []}', NOT_A_TABLE),
    "binary": (b"a,b\n\0\0\0\0", NOT_A_TABLE),
    "header twice": (
        customers_csv(
            ["1", "a", "", "B001", "2", "3"], header=["customer_no", "name", "phone", "branch_no", "age", "name"]
        ),
        "The column “name” stands twice in the header (columns 2 and 6). Nothing was loaded",
    ),
    "a column without a name": (b"customer_no,,age\n1,a,2\n", "Column 2 has no name in the header."),
    "no header": (
        b"6010000001,34,12000.50\n6010000002,51,380\n",
        "The first line looks like data, not like column names.",
    ),
    "damaged gzip": (gzip.compress(customers_csv() * 400)[:300], "The compressed file is damaged or incomplete."),
    "damaged parquet": (b"PAR1" + bytes(50), "The Parquet file is damaged or incomplete."),
    "a workbook that explodes": (bomb(), "The workbook unpacks to more than a spreadsheet should hold."),
    "wrong encoding": (
        customers_csv()[:-1] + b"\n6010000004,caf" + b"\xe9,,B001,1,2\n",
        "Line 5 cannot be read as UTF-8 or GB18030. Nothing was loaded; save the file as “CSV UTF-8”",
    ),
    "a parquet of lists": (parquet(pd.DataFrame({"customer_no": ["1"], "tags": [["a"]]})), "holds lists or structures"),
}


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_used_is_refused_with_a_sentence_and_forgotten(upload, settings, content, sentence):
    with pytest.raises(UserError) as refused:
        upload(content, name="customers.csv")
    assert sentence in str(refused.value)
    assert not FeedRun.objects.exists()
    assert list((settings.DATA_DIR / "feeds").glob("*")) == []


def test_an_unclosed_quotation_mark_is_named_with_its_line(load):
    content = customers_csv(*GOOD) + b'6010000009,"a,,B001,1,2\n' + b"x,y\n" * 40_000
    with pytest.raises(UserError, match="Line 5 opens a quotation mark that is never closed"):
        load(content)


def test_more_than_the_limit_is_refused_before_it_is_read(tmp_path, cast, settings, monkeypatch):
    from tests.conftest import NOW
    from warehouse import imports
    from warehouse.feeds import reading

    monkeypatch.setattr(reading, "inspect", lambda path: pytest.fail("the file was read"))
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3 + 1)  # a sparse file: 2 GB that take no space
    with pytest.raises(UserError, match=r"The file is larger than 2 GB\. Nothing was loaded; split it"):
        imports.upload(file=path, name="big.csv", kind="customers", by=cast.analyst, at=NOW)
    assert not FeedRun.objects.exists()


def test_a_small_gzip_that_unpacks_to_more_than_the_limit_is_refused(upload, settings):
    settings.MAX_UPLOAD_BYTES = 1 << 20
    with pytest.raises(UserError, match="The file is larger than"):
        upload(gzip.compress(customers_csv() + b"6010000001,a,,B001,1,2\n" * 100_000))
