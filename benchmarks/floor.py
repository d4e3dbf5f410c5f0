"""The floor: the least that reading a shop into a database can cost. A yardstick, not something to ship.

    python -m benchmarks.floor URL DATABASE_URL CONNECTIONS [whole]

`whole` asks for whole products, as most programs do, and not only for the nine fields.

Sockets without an HTTP library, typed decoding, COPY or one transaction, one set-based upsert. It checks nothing, tries
nothing again, keeps no history.
"""

import contextlib
import selectors
import socket
import sqlite3
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from benchmarks.measure import report_peak
from benchmarks.shop import NINE, PER_PAGE


class Product(msgspec.Struct, gc=False):
    id: int
    type: str
    name: str
    status: str
    sku: str
    price: str
    manage_stock: bool
    stock_quantity: int
    stock_status: str


_DECODER = msgspec.json.Decoder(list[Product])
_COLUMNS = """id BIGINT PRIMARY KEY, type TEXT, name TEXT, status TEXT, sku TEXT, price TEXT, manage_stock BOOLEAN,
              stock_quantity BIGINT, stock_status TEXT"""
_OTHERS = NINE[1:]
_UPSERT = f"""
INSERT INTO stock SELECT * FROM stage WHERE true
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _OTHERS)}
WHERE ({", ".join(f"stock.{name}" for name in _OTHERS)}) IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _OTHERS)})
"""


def pages(url: str, connections: int, fields: str) -> Iterator[list[Product]]:
    parts = urlsplit(url)
    address = parts.hostname, parts.port
    target = f"/wp-json/wc/v3/products?per_page={PER_PAGE}&orderby=id&order=asc{fields}&page="

    def ask(connection: socket.socket, page: int) -> None:
        connection.sendall(f"GET {target}{page} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())

    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(address)) for _ in range(connections)]
        ask(opened[0], 1)
        head, body = _answer(opened[0], bytearray())
        total = int(_header(head, b"X-WP-Total"))
        yield _DECODER.decode(body)
        numbers = iter(range(2, -(-total // PER_PAGE) + 1))
        selector = stack.enter_context(selectors.DefaultSelector())
        waiting = 0
        for connection, page in zip(opened, numbers, strict=False):
            ask(connection, page)
            selector.register(connection, selectors.EVENT_READ)
            waiting += 1
        while waiting:
            for key, _ in selector.select():
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                _, body = _answer(connection, bytearray())
                page = next(numbers, None)
                if page is None:
                    waiting -= 1
                    selector.unregister(connection)
                else:
                    ask(connection, page)
                yield _DECODER.decode(body)


def _answer(connection: socket.socket, data: bytearray) -> tuple[bytes, memoryview]:
    """Head and body. Answers come in one piece on loopback, so waiting for the rest of one costs nothing."""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += connection.recv(1 << 18)
    head = bytes(data[:end])
    whole = end + 4 + int(_header(head, b"Content-Length"))
    while len(data) < whole:
        data += connection.recv(1 << 18)
    return head, memoryview(data)[end + 4 : whole]


def _header(head: bytes, name: bytes) -> bytes:
    return head.partition(name + b": ")[2].partition(b"\r\n")[0]


def into_sqlite(read: Iterator[list[Product]], path: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "BEGIN"):
            database.execute(statement)
        database.execute(f"CREATE TABLE IF NOT EXISTS stock ({_COLUMNS})")
        database.execute(f"CREATE TEMP TABLE stage ({_COLUMNS})")
        marks = ", ".join("?" * len(NINE))
        for page in read:
            database.executemany(f"INSERT OR REPLACE INTO stage VALUES ({marks})", map(msgspec.structs.astuple, page))
        database.execute(_UPSERT)
        database.execute("COMMIT")


def into_postgresql(read: Iterator[list[Product]], database_url: str) -> None:
    import psycopg  # not at the top: its memory must not count on SQLite

    with psycopg.connect(database_url) as database, database.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS stock ({_COLUMNS})")
        cursor.execute(f"CREATE TEMP TABLE stage ({_COLUMNS}) ON COMMIT DROP")
        with cursor.copy(f"COPY stage ({', '.join(NINE)}) FROM STDIN") as copy:
            for page in read:
                for row in page:
                    copy.write_row(msgspec.structs.astuple(row))
        cursor.execute(_UPSERT)


def main() -> None:
    url, database_url, connections, *whole = sys.argv[1:]
    read = pages(url, int(connections), "" if whole else f"&_fields={','.join(NINE)}")
    if database_url.startswith("sqlite:///"):
        into_sqlite(read, database_url.removeprefix("sqlite:///"))
    else:
        into_postgresql(read, database_url)
    report_peak()


if __name__ == "__main__":
    main()
