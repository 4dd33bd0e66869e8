"""The list as a table: CSV for programs, XLSX for people. No cell is ever a formula, and no character is lost."""

import contextlib
import csv
import datetime
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._writer import ALL_TEMP_FILES, WorksheetWriter

from applications.exports.columns import Column, Row, Value, columns_for, rows
from applications.models import Export

# What neither XML nor a spreadsheet can hold. Line ends, tabs and everything that can be written stay.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# A formula begins with one of these signs (the wide ones, too), also after blanks and quotes. It is looked for at the
# start of a cell and after a line end, a tab or a semicolon: a spreadsheet that splits at semicolons, as in most of
# Europe, would begin a cell there.
FORMULA = re.compile(r"""(?:\A|(?<=[\n\t;]))(?=(?:[^\S\n\t]|["'])*[=+\-@＝＋－＠])|\A(?=[\n\t])""")
LONGEST_CELL = 32_767  # Excel's limit
# Excel reads this in a text as the code of a character, so that it has to be written with such a code itself.
LOOKS_LIKE_A_CODE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")

Progress = Callable[[Row, int], None]


def write_table(
    export_format: str, file: BinaryIO, pks: Iterable[int], user, progress: Progress = lambda row, done: None
) -> None:
    """Write the table of these applications, as `user` may see them, to `file`. `progress` hears of each row."""
    write = {Export.Format.CSV: write_csv, Export.Format.XLSX: write_xlsx}[Export.Format(export_format)]
    pks = list(pks)
    write(file, columns_for(pks, user), _heard(rows(pks, user), progress))


def _heard(all_rows: Iterable[Row], progress: Progress) -> Iterable[Row]:
    for done, row in enumerate(all_rows, start=1):
        yield row
        progress(row, done)


def clean(text: str) -> str:
    """`text` with one kind of line end, and a mark in place of what a spreadsheet cannot hold."""
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


# CSV


def defused(text: str) -> str:
    """`text` with an apostrophe before what a spreadsheet would take for a formula; nothing is taken away."""
    return FORMULA.sub("'", clean(text))


def csv_writer(file: BinaryIO) -> tuple[io.TextIOWrapper, Callable[[Iterable[Value]], None]]:
    """A text layer over `file` (to be detached at the end) and a function that writes one row into it.

    UTF-8 with the mark by which Excel knows it, or names with umlauts would be garbled.
    """
    layer = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(layer)
    return layer, lambda values: writer.writerow([csv_value(value) for value in values])


def csv_value(value: Value) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return defused(value) if isinstance(value, str) else value


def write_csv(file: BinaryIO, columns: Sequence[Column], all_rows: Iterable[Row]) -> None:
    layer, write_row = csv_writer(file)
    write_row([str(column.title) for column in columns])
    for row in all_rows:
        write_row([column.value(row) for column in columns])
    layer.detach()


# XLSX


def write_xlsx(file: BinaryIO, columns: Sequence[Column], all_rows: Iterable[Row]) -> None:
    book = Workbook(write_only=True)
    book.properties.creator = _("MSc applications")
    sheet = book.create_sheet(_("Applications"))
    sheet.freeze_panes = "C2"  # the header, and reference and name
    for number, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width
    with TemporarySheet(sheet):
        sheet.append([_header_cell(sheet, title) for title in _titles(columns)])
        count = 0
        for row in all_rows:
            sheet.append([_cell(sheet, column.value(row)) for column in columns])
            count += 1
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count + 1}"
        book.save(file)


def _titles(columns: Sequence[Column]) -> list[str]:
    """Excel's times have no zone, so that the title of the column says which one is meant."""
    zoned = {_("Received"): f"{_('Received')} ({settings.TIME_ZONE})"}
    return [zoned.get(str(column.title), str(column.title)) for column in columns]


class TemporarySheet:
    """While it is written, the sheet lies where the worker sweeps what a killed process leaves, and not in /tmp."""

    def __init__(self, sheet) -> None:
        self.sheet = sheet
        handle, self.path = tempfile.mkstemp(prefix="export-", suffix=".xml", dir=settings.FILE_UPLOAD_TEMP_DIR)
        os.close(handle)
        ALL_TEMP_FILES.append(self.path)  # the writer takes it from this list when the book is saved
        sheet._writer = WorksheetWriter(sheet, out=self.path)
        sheet._writer.write_top()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *args) -> None:
        if not self.sheet.closed:  # a fault came before the book was saved
            with contextlib.suppress(OSError):  # the same full disk
                self.sheet.close()
        if self.path in ALL_TEMP_FILES:
            ALL_TEMP_FILES.remove(self.path)
            os.unlink(self.path)


def _header_cell(sheet, title: str) -> Cell:
    cell = _cell(sheet, title)
    cell.font = Font(bold=True)
    return cell


def _cell(sheet, value: Value) -> Cell | int | float | None:
    if isinstance(value, str):
        return _text_cell(sheet, value)
    if isinstance(value, datetime.datetime):
        return _date_cell(sheet, timezone.make_naive(value), "yyyy-mm-dd hh:mm")
    if isinstance(value, datetime.date):
        return _date_cell(sheet, value, "yyyy-mm-dd")
    return value


def _text_cell(sheet, value: str) -> Cell:
    """A cell that is text and stays text, also when somebody edits it or saves the sheet as CSV."""
    text = clean(value)
    cell = WriteOnlyCell(sheet)
    cell._value = shortened(LOOKS_LIKE_A_CODE.sub("_x005F_", text))
    cell.data_type = "s"  # never guessed: not a formula, not an error, not a number
    if FORMULA.search(text):
        cell.quotePrefix = True
    return cell


def shortened(text: str) -> str:
    """`text` within what a cell may hold; what is cut off is said."""
    if len(text) <= LONGEST_CELL:
        return text
    ending = "… " + _("(shortened)")
    return text[: LONGEST_CELL - len(ending)] + ending


def _date_cell(sheet, value: datetime.date, number_format: str) -> Cell:
    cell = WriteOnlyCell(sheet, value)
    cell.number_format = number_format
    return cell
