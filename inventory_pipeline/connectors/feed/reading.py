"""One feed, read whole: the same for a sync, `stores check` and `feeds preview`, so that they agree.

1. Bytes become rows (`open_rows`), and their headings columns.
2. `scan` reads every row once: what is no item is left out, the others go to a temporary file, and it is noted how their
   numbers are written and which items may come again.
3. `pages` turns the kept rows into lines, knowing both.

Nothing of it grows with the file but the temporary file: identities are noted in 16 MiB of bits, and only rows of an item
that comes again are held back until the end.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import msgspec

from inventory_pipeline.connectors.feed.columns import Columns, choose_columns
from inventory_pipeline.connectors.feed.findings import ABOVE, EMPTY_ROW, Findings, Leftovers, filled
from inventory_pipeline.connectors.feed.lines import LineParser
from inventory_pipeline.connectors.feed.numbers import Marks, NumberFormat, decided
from inventory_pipeline.connectors.feed.presets import PRESETS, preset_for
from inventory_pipeline.connectors.feed.records import Records, json_rows
from inventory_pipeline.connectors.feed.repeats import Repeats, SeenBefore
from inventory_pipeline.connectors.feed.rows import Row, Rows, Table, doubt, shown_row
from inventory_pipeline.connectors.feed.settings import FeedSettings, read_settings
from inventory_pipeline.connectors.feed.sources import Source
from inventory_pipeline.connectors.feed.tables import DelimitedTable
from inventory_pipeline.connectors.feed.text import Text, unpack
from inventory_pipeline.connectors.feed.words import QUANTITY_FIELDS, is_total, plain, visible
from inventory_pipeline.connectors.feed.workbook import workbook_rows
from inventory_pipeline.connectors.feed.xml_records import xml_rows
from inventory_pipeline.core.errors import LineRejected, StoreMisconfigured
from inventory_pipeline.core.quantity import ABSURD, Number
from inventory_pipeline.core.stock import LineNote, Page, RejectedLine, StockLine, storable_line
from inventory_pipeline.core.text import clean_text, one_line

BATCH = 1000  # so few rows that the loop is never held up for long, so many that the work per batch does not show
_SPOOLED_IN_MEMORY = 4 << 20
_FIRST = 10  # lines that a preview shows

_WORKBOOKS = ("xlsx", "xls", "ods")
_ENDINGS: Mapping[str, str] = {"tsv": "tsv", "tab": "tsv", "json": "json", "jsonl": "jsonl", "ndjson": "jsonl"}
_CONTENT_TYPES: Mapping[str, str] = {
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
}

# A decimal stays the number that was written, and a text a text.
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(tuple[int, str, list[Any]], float_hook=Decimal).decode


def open_rows(source: Source, settings: FeedSettings, held: ExitStack) -> Rows:
    """The source's rows. Whatever is opened for them is closed by `held`.

    The format is what the setting `format` says, else what the first bytes show, else what the name ends with.
    """
    content = unpack(source, settings, held)
    said = "" if settings.format == "auto" else settings.format
    if content.kind in _WORKBOOKS:
        return workbook_rows(content, settings)
    if said in _WORKBOOKS:
        raise StoreMisconfigured(f"{source.name} is no {said} workbook; mend format=, or leave it out")
    if said == "xml" or (not said and content.kind == "xml"):
        return xml_rows(content.file, settings)
    hint = said or _ENDINGS.get(content.name.lower().rpartition(".")[2], "")
    hint = hint or _CONTENT_TYPES.get(source.content_type.partition(";")[0].strip().lower(), "")
    text = Text(content, settings)
    start = text.peek(4096).lstrip()[:1]
    is_json = start in ("[", "{") if start else hint in ("json", "jsonl")
    if said in ("json", "jsonl") or (not said and is_json):
        records = json_rows(text, settings, lines=hint == "jsonl")
        records.described += f", {content.packing}" if content.packing else ""
        return records
    proved = source.ends_proved or content.checked
    return DelimitedTable(text, settings, tabs=hint == "tsv", packing=content.packing, end_proved=proved, rested=source.rested)


class FeedReading:
    """One reading of one source. `said` are the store's own settings, above those of a known export.

    `scan` first, then `pages`; whoever iterates gives others a turn between their items. `rows` and `repeats` count what
    was read, when all is done.
    """

    def __init__(self, source: Source, said: Mapping[str, str]) -> None:
        self.findings = Findings()
        self.rows = self.repeats = 0
        self._source, self._said = source, said
        self._settings = read_settings(said)
        self._again = SeenBefore()
        self._marks: dict[str, Marks] = {}
        self._held = ExitStack()
        self._spool = self._held.enter_context(tempfile.SpooledTemporaryFile(_SPOOLED_IN_MEMORY))  # noqa: SIM115 as above
        self._disguised = False
        self._lines: list[StockLine] = []
        self._rejected: list[RejectedLine] = []
        self._notes: list[LineNote] = []
        self._excluded: Counter[str] = Counter()

    def close(self) -> None:
        self._held.close()

    # --- every row, once ----------------------------------------------------------------------------------------------

    def scan(self) -> Iterator[None]:
        """Reads every row of the source. Raises the SyncError types."""
        rows = self._open()
        found = self.findings
        found.described, found.heading_line = rows.described, rows.heading_line
        found.present = tuple(rows.headings)
        if isinstance(rows, Records) and rows.empty:
            for _ in rows.rows():
                yield
            return
        rows = self._as_known_export(rows)
        found.described, self._disguised = rows.described, isinstance(rows, Table)
        for row in rows.above:
            if any(map(filled, row.cells)):
                found.leave_out(ABOVE, f"line {row.number:,}: {shown_row(row.cells)}")
        found.columns = choose_columns(rows.headings, self._settings, fixed=rows.fixed)
        yield from self._scanned(rows, found.columns)

    def _open(self) -> Rows:
        self._source.file.seek(0)
        return open_rows(self._source, self._settings, self._held)

    def _as_known_export(self, rows: Rows) -> Rows:
        """The rows, opened again where a known export is recognised whose settings read them in another way."""
        settings, headings = self._settings, [heading.text for heading in self.findings.present]
        self.findings.preset = preset = preset_for(headings, settings.preset)
        if preset is None:
            if settings.preset not in ("auto", "none"):
                names = [preset.name for preset in PRESETS]
                why = "its headings are others" if settings.preset in names else f"known are {', '.join(names)}"
                raise StoreMisconfigured(f"setting preset={settings.preset!r:.40} does not fit the feed ({why}); set preset=none")
            return rows
        known = preset.as_settings({plain(heading): heading for heading in reversed(headings)})
        self._settings = read_settings({**known, **self._said})
        if self._settings.quoting == settings.quoting:
            return rows
        return self._open()

    def _scanned(self, rows: Rows, columns: Columns) -> Iterator[None]:
        keys = columns.keys
        places = {key: place for place, key in enumerate(keys)}
        identity = [places[key] for key in columns.fields[columns.identity].keys]
        stock = [places[key] for column in columns.stock for key in column.keys]
        marked = self._marked(columns, places)
        leftovers = Leftovers(rows, columns) if isinstance(rows, Table) else None
        identify = LineParser(columns, self._settings, {}, disguised=self._disguised).identity_of
        write, note, leave_out = self._spool.write, self._again.note, self.findings.leave_out
        short: list[tuple[bytes, str, str]] = []  # short rows, which may be the end of the file
        for count, row in enumerate(rows.rows(), 1):
            if count % BATCH == 0:
                yield
            if row.fault and leftovers is None:
                write(_kept(row.number, "fault", [row.fault, one_line(row.cells)]))
                continue
            cells = rows.pick(row, keys)
            if leftovers is not None:
                reason, kind = leftovers.judge(row, cells, identity, stock)
                if not reason:
                    kind = self._doubtful(rows, row, leftovers) or kind
            else:
                reason, kind = _no_record(cells, identity), ""
            if reason:
                leave_out(reason, f"line {row.number:,}: {shown_row(row.cells)}")
                continue
            for place, marks in marked:
                cell = cells[place]
                if isinstance(cell, str) and ("." in cell or "," in cell):
                    marks.look(visible(cell), row.number)
            kept = _kept(row.number, kind, cells)
            if kind in ("short", "bare") and len(short) < BATCH:
                texts = [str(cell).strip() for cell in row.cells if filled(cell)]
                short.append((kept, f"line {row.number:,}: {shown_row(row.cells)}", texts[0] if len(texts) == 1 else ""))
                continue
            for line, *_ in short:
                write(line)
            short.clear()
            write(kept)
            if kind != "nameless":
                try:
                    note(hash(identify(cells)))
                except LineRejected:
                    continue  # said when it is parsed
        for line, shown, text in short:  # nothing else follows
            if " " in text or (text and not any(mark.isalnum() for mark in text)):
                leave_out("a footer", shown)
            else:
                write(line)

    def _doubtful(self, rows: Rows, row: Row, leftovers: Leftovers) -> str:
        """Raises Quarantined where the row may be several; "overlong" where it has too many cells."""
        if row.raw and isinstance(rows, DelimitedTable) and rows.swallowed(row, leftovers.stock):
            raise doubt(
                f"a quoted cell that begins in line {row.number:,} goes over {len(row.raw):,} lines and holds what may be rows",
                "set quoting=none where quotation marks are ordinary characters, or quoting=multiline where it is meant so",
            )
        return "overlong" if isinstance(rows, Table) and rows.overlong(row) else ""

    def _marked(self, columns: Columns, places: Mapping[Any, int]) -> list[tuple[int, Marks]]:
        """The columns of numbers, each with its Marks. The columns of all warehouses share one."""
        marked: list[tuple[int, Marks]] = []
        for name in (*QUANTITY_FIELDS, "price"):
            if name in columns.fields:
                marks = self._marks.setdefault(name, Marks())
                marked += [(places[key], marks) for key in columns.fields[name].keys]
        if columns.locations:
            marks = self._marks.setdefault("available", Marks())
            marked += [(places[column.keys[0]], marks) for column in columns.locations]
        return marked

    # --- every line ---------------------------------------------------------------------------------------------------

    def pages(self) -> Iterator[Page]:
        """The lines, in the order of their rows; those of items that come again, last. Raises Quarantined for a doubt."""
        found, columns = self.findings, self.findings.columns
        for reason, examples in found.left_out.items():
            if reason != ABOVE:
                self._excluded[reason] += examples.count
                self.rows += examples.count
        if columns is None:
            yield self._page()
            return
        parser = LineParser(columns, self._settings, self._formats(columns), disguised=self._disguised)
        repeats = Repeats(self._settings.duplicates, columns.identity, has_location="location" in columns.fields)
        units: Number = 0
        nameless: list[tuple[int, list[object]]] = []
        self._spool.seek(0)
        for line in self._spool:
            number, kind, cells = _decode(line)
            if kind == "fault":
                self._reject(RejectedLine(cells[0], excerpt=cells[1]), number)
            elif kind == "nameless" and len(nameless) < BATCH:
                nameless.append((number, cells))
            else:
                units += self._take(parser, repeats, number, kind, cells)
            if len(self._lines) + len(self._rejected) >= BATCH:
                yield self._page()
        lines, rejected = parser.waiting()
        for line, number in lines:
            self._add(repeats, line, number)
        for line, number in rejected:
            self._reject(line, number)
        for number, cells in nameless:
            self._judge_nameless(parser, number, cells, units)
        yield self._page()
        yield from self._settled(repeats)
        found.notes.update(parser.notes)

    def _formats(self, columns: Columns) -> dict[str, NumberFormat]:
        """How each column's numbers are written. Raises Quarantined where a column of stock can be read two ways."""
        formats: dict[str, NumberFormat] = {}
        for name, marks in self._marks.items():
            others = decided(other for other_name, other in self._marks.items() if other_name != name)
            numbers = self._settings.numbers or marks.decide(others)
            if numbers is not None:
                formats[name] = numbers
            elif name != "price":
                what, _, cure = marks.doubt(name).rpartition("; ")
                raise doubt(what, cure)
        marked = [name for name, marks in self._marks.items() if (marks.decimal or marks.open) and name != "price"]
        self.findings.formats = {name: formats[name] for name in marked}
        return formats | {column.shown: formats["available"] for column in columns.locations}

    def _take(self, parser: LineParser, repeats: Repeats, number: int, kind: str, cells: list[object]) -> Number:
        """Adds one row's lines; returns how many units they tell."""
        row = parser.filled(cells)
        reason = parser.excluded(row)
        if reason is not None:
            self._exclude(reason, f"line {number:,}: {parser.shown(row)}")
            return 0
        identity: tuple[str | None, str | None] = (None, None)
        units: Number = 0
        columns = self.findings.columns
        try:
            known = parser.identity_of(row)
            if kind != "overlong" or (columns and columns.identity_first):
                identity = known
            if kind == "overlong":
                raise LineRejected(
                    "the row has more cells than there are headings: a delimiter or a quotation mark in it is not quoted"
                )
            if kind == "short":
                raise LineRejected("the row ends before the cell that tells its stock")
            if kind == "bare":
                raise LineRejected("the row holds nothing but this text: an item without its stock, or no item")
            for line in parser.lines(row, known, number):
                self._add(repeats, line, number)
                units += _counted(line)
        except LineRejected as error:
            rejected = RejectedLine.of(error, *identity, one_line(parser.shown(row)))
            if identity[0] is not None and self._again.again(hash(identity)):
                repeats.add(rejected, number)
            else:
                self._reject(rejected, number)
        return units

    def _add(self, repeats: Repeats, line: StockLine, number: int) -> None:
        if self._comes_again(line):
            repeats.add(line, number)
        else:
            self._accept(line, number)

    def _comes_again(self, line: StockLine) -> bool:
        location = line.location_id if not (self.findings.columns and self.findings.columns.locations) else "default"
        return self._again.again(hash((line.item_id, location)))

    def _judge_nameless(self, parser: LineParser, number: int, cells: list[object], units: Number) -> None:
        """A row without an id whose number is the sum of the others is their total; any other may be an item."""
        if units and parser.number_of(cells) == units:
            self._exclude("a total", f"line {number:,}: {parser.shown(cells)}", left_out=True)
            return
        columns = self.findings.columns
        reason = f"the row has no {columns.identity if columns else 'id'}"
        self._reject(RejectedLine(reason, excerpt=one_line(parser.shown(cells))), number)

    def _settled(self, repeats: Repeats) -> Iterator[Page]:
        """The lines of items that came again, once each."""
        doubted = 0
        for line, number, extra in repeats.settled():
            self.repeats += extra
            if isinstance(line, RejectedLine):
                doubted += 1
                self._reject(line, number)
            else:
                self._accept(line, number)
            if len(self._lines) + len(self._rejected) >= BATCH:
                yield self._page()
        repeats.check_share(doubted, self.findings.lines)
        self.findings.notes.update(repeats.notes)
        if self._lines or self._rejected:
            yield self._page()

    def _accept(self, line: StockLine, number: int) -> None:
        found = self.findings
        if line.quantity.value is not None and abs(line.quantity.value) > ABSURD:
            line, notes = storable_line(line)
            self._notes += notes
        self._lines.append(line)
        self.rows += 1
        found.lines += 1
        found.states[line.quantity.state] += 1
        found.units += line.quantity.value or 0
        if len(found.first) < _FIRST:
            found.first.append((number, line))

    def _reject(self, line: RejectedLine, number: int) -> None:
        self._rejected.append(line)
        self.rows += 1
        self.findings.reject(line.reason, f"line {number:,}: {line.excerpt}")

    def _exclude(self, reason: str, row: str, *, left_out: bool = False) -> None:
        self._excluded[reason] += 1
        self.rows += 1
        (self.findings.leave_out if left_out else self.findings.exclude)(reason, row)

    def _page(self) -> Page:
        page = Page(self._lines, self._rejected, self._excluded, self._notes)
        self._lines, self._rejected, self._excluded, self._notes = [], [], Counter(), []
        return page


def _counted(line: StockLine) -> Number:
    """The line's units; none where they are beyond what is a number of units at all."""
    value = line.quantity.value
    return 0 if value is None or abs(value) > ABSURD else value


def _no_record(cells: list[object], identity: list[int]) -> str:
    """Why an object is no item, or nothing."""
    if not any(map(filled, cells)):
        return EMPTY_ROW
    name = cells[identity[0]]
    return "a total" if isinstance(name, str) and is_total(name) else ""


def _kept(number: int, kind: str, cells: list[object]) -> bytes:
    try:
        return _encode((number, kind, cells)) + b"\n"
    except (UnicodeEncodeError, RecursionError, TypeError, ValueError):
        # Lone surrogates out of JSON's escapes: shown as such; inner values are of no use anyway.
        clean = [clean_text(cell) if isinstance(cell, str) else {} if isinstance(cell, dict | list) else cell for cell in cells]
        return _encode((number, kind, clean)) + b"\n"
