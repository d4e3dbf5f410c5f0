"""Run as a program by `workbook.py`: prints a workbook's rows as JSON, an object a line, within a limit of memory.

Arguments: the limit in bytes; `heads` and a number of rows, or `rows` and a sheet's name. The workbook is standard input.
"""

import json
import resource
import sys
from datetime import date, time, timedelta
from io import BytesIO

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum


def cell(value: object) -> object:
    """A number that is whole as such, and what JSON has no word for as text."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    if isinstance(value, date | time | timedelta):
        return f"{value!s} (a date)"
    return value


def main() -> None:
    memory, what, argument = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    write = sys.stdout.write
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(sys.stdin.buffer.read()))
        if what == "heads":
            for sheet in book.sheets_metadata:
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible:
                    rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False, nrows=int(argument))
                    if any(value != "" for row in rows for value in row):
                        write(json.dumps({"sheet": sheet.name, "rows": [[*map(cell, row)] for row in rows]}) + "\n")
        else:
            sheet = book.get_sheet_by_name(argument)
            first = sheet.start[0] if sheet.start else 0
            for _ in range(first):
                write("[]\n")
            for row in sheet.iter_rows():
                write(json.dumps([*map(cell, row)]) + "\n")
    except (CalamineError, ValueError, KeyError) as error:
        write(json.dumps({"error": str(error)}) + "\n")
        return
    write('{"end": true}\n')


main()
