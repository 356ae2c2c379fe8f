"""The CSV tables, read as a spreadsheet's importer would: python3 tables.py FOLDER..."""

import csv
import pathlib
import sys
import unicodedata

# OWASP, "CSV injection": what a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
csv.field_size_limit(1 << 24)
cells = 0
for folder in map(pathlib.Path, sys.argv[1:]):
    tables = sorted(folder.glob("*.csv"))
    assert len(tables) >= 3, f"{folder}: {tables}"
    for table in tables:
        text = table.read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
        assert len(rows) > 1, f"{table} has no rows"
        for number, row in enumerate(rows, 1):
            assert len(row) == len(rows[0]), f"{table}:{number}: {len(row)} cells, {len(rows[0])} columns"
            for cell in row:
                cells += 1
                bare = cell.lstrip(" ")
                number_like = bare.lstrip("+-").replace(".", "", 1).isdigit()
                assert number_like or not bare.startswith(FORMULA), f"{table}:{number}: a formula: {cell[:60]!r}"
                hidden = [c for c in cell if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]
                assert not hidden, f"{table}:{number}: {hidden[:5]!r} in {cell[:60]!r}"
print(f"the tables: {cells} cells, none of them a formula")
