"""Feed files on disk: where they may lie, when they may be read, and when they need not be."""

import asyncio
import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from inventory_pipeline.connectors.feed.sources import feed_path, open_file
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured, UsageError
from inventory_pipeline.core.stock import Completeness, Page
from inventory_pipeline_tests.connectors.feeding import check_file, feed, read_file
from inventory_pipeline_tests.connectors.reading import read_whole

STOCK = "sku,stock\nA,5\nB,6\n"
LONG_AGO = time.time_ns() - 3_600 * 10**9


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    path = tmp_path / "feeds" / "stock.csv"
    path.parent.mkdir()
    path.write_text(STOCK)
    return path


def memo_of(path: Path) -> dict[str, str]:
    """What a read of a file that has rested leaves for the next one."""
    status = path.stat()
    proof = read_file(path).proof
    assert proof.memo == {}  # the change time, which no test can set, is too young
    stamp = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
    return {"read_as": feed(path.name, path.parent)._mark, "file": stamp}


@pytest.mark.parametrize(
    "url", ["stock.csv", "./stock.csv", "sub/../stock.csv", "file:{}/stock.csv", "file://{}/stock.csv", "{}/stock.csv"]
)
def test_an_address_is_a_path_under_the_feed_folder(stock: Path, url: str):
    assert feed_path(url.format(stock.parent), stock.parent) == stock


def test_a_file_address_is_decoded(stock: Path):
    assert feed_path(f"file://{stock.parent}/B%C3%BCro%201.csv", stock.parent) == stock.parent / "Büro 1.csv"


@pytest.mark.parametrize(
    "url", ["..", ".", "", "../feeds", "../x.csv", "/etc/hostname", "file:///etc/hostname", "sub/../../x.csv", "\0"]
)
def test_an_address_outside_the_feed_folder_is_refused(stock: Path, url: str):
    with pytest.raises(UsageError):
        feed_path(url, stock.parent)


def test_a_neighbour_whose_name_begins_alike_is_outside(stock: Path):
    (stock.parent.parent / "feeds-old").mkdir()
    with pytest.raises(UsageError, match="outside INVENTORY_FEED_DIR"):
        feed_path("../feeds-old/x.csv", stock.parent)


def test_links_are_resolved_before_they_are_judged(stock: Path):
    (stock.parent / "inside.csv").symlink_to("stock.csv")
    (stock.parent / "outside.csv").symlink_to("../../secret.csv")
    (stock.parent / "loop.csv").symlink_to("loop.csv")
    assert feed_path("inside.csv", stock.parent) == stock
    for name in ("outside.csv", "loop.csv"):
        with pytest.raises(UsageError):
            feed_path(name, stock.parent)


def test_the_feed_folder_itself_may_be_a_link(stock: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(stock.parent)
    assert feed_path("stock.csv", tmp_path / "link") == stock


def test_another_machine_or_no_folder_at_all_is_explained(stock: Path):
    with pytest.raises(UsageError, match="names another machine"):
        feed_path("file://server/share/stock.csv", stock.parent)
    with pytest.raises(UsageError, match="INVENTORY_FEED_DIR only; set it"):
        feed_path("stock.csv", None)


def test_what_is_not_there_or_no_file_is_named(stock: Path):
    with pytest.raises(StoreMisconfigured, match=r"there is no feed file '.*gone\.csv'; put it there"):
        read_file(stock.parent / "gone.csv")
    (stock.parent / "folder.csv").mkdir()
    with pytest.raises(StoreMisconfigured, match=r"the folder 'folder.csv' holds no file that fits pattern=\*"):
        read_file(stock.parent / "folder.csv")


def test_a_pipe_does_not_hold_a_sync_up(stock: Path):
    os.mkfifo(stock.parent / "pipe.csv")
    with pytest.raises(StoreMisconfigured, match="is not a file"):
        read_file(stock.parent / "pipe.csv")


def test_a_file_with_a_second_name_elsewhere_is_refused_with_its_cure(stock: Path):
    (stock.parent / "link.csv").hardlink_to(stock)
    for name in ("link.csv", "stock.csv"):
        with pytest.raises(StoreMisconfigured, match=r"is a hard link with 2 names; copy it instead of linking it"):
            read_file(stock.parent / name)


@pytest.mark.parametrize(
    "secret",
    ["-----BEGIN OPENSSH PRIVATE KEY-----", "DB_PASSWORD=hunter2", "AKIAIOSFODNN7EXAMPLEKEY0", "root:x:0:0:root@host:/root"],
)
def test_a_first_line_that_is_no_heading_is_not_repeated(stock: Path, secret: str):
    """Somebody may have put a file there that is no feed: what stands in it belongs into no log."""
    stock.write_text(f"{secret},b\nmore of it\n")
    with pytest.raises(StoreMisconfigured) as refused:
        read_file(stock)
    assert secret[:12] not in str(refused.value)


def test_an_endless_line_is_refused_before_memory_holds_it(tmp_path: Path):
    """3.2 GB in one line of a small gzip file, read by a process of its own whose peak is compared with an ordinary read's."""
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"sku,stock\nA,") + gzip.compress(b"1" * (64 << 20)) * 50)
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b'{"sku": "') + gzip.compress(b"1" * (64 << 20)) * 50)
    (tmp_path / "plain.csv").write_text(STOCK)
    normal, told = peak_of(tmp_path / "plain.csv")
    assert told == "2"
    for name in ("bomb.csv.gz", "bomb.jsonl.gz"):
        peak, told = peak_of(tmp_path / name)
        assert "longer than 6 MiB; it is no feed" in told
        assert peak - normal < 64 << 20


def test_a_sync_of_a_table_loads_no_library_that_it_does_not_need(stock: Path):
    script = (
        "import pathlib, sys\n"
        "from inventory_pipeline_tests.connectors.feeding import read_file\n"
        "read_file(pathlib.Path(sys.argv[1]))\n"
        "heavy = {'pandas', 'numpy', 'lxml', 'fsspec', 'python_calamine', 'asyncssh', 's3fs'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(stock)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def peak_of(path: Path) -> tuple[int, str]:
    """The largest memory of a process that reads the file, in bytes, and what came of it."""
    script = (
        "import resource, sys, pathlib\n"
        "from inventory_pipeline.core.errors import StoreMisconfigured\n"
        "from inventory_pipeline_tests.connectors.feeding import read_file\n"
        "try: told = str(len(read_file(pathlib.Path(sys.argv[1])).lines))\n"
        "except StoreMisconfigured as error: told = str(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, told)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    peak, _, told = done.stdout.strip().partition(" ")
    return int(peak) * (1 if sys.platform == "darwin" else 1024), told


def test_a_file_that_cannot_be_opened_is_named_with_the_reason(stock: Path):
    with pytest.raises(
        StoreMisconfigured, match=r"stock\.csv/x\.csv' cannot be opened by this process \(Not a directory\); give it"
    ):
        asyncio.run(read_whole(feed("stock.csv/x.csv", stock.parent)))


def test_an_empty_file_is_incomplete(stock: Path):
    stock.write_bytes(b"")
    with pytest.raises(IncompleteRead, match="is empty: an empty stock list has at least"):
        read_file(stock)


def read_while(stock: Path, change: Callable[[], object]) -> int:
    """How many rows a read gives when `change` happens after its first page."""
    stock.write_text("sku,stock\n" + "".join(f"S{number},1\n" for number in range(3000)))
    os.utime(stock, ns=(LONG_AGO, LONG_AGO))

    async def read() -> int:
        rows = 0
        async with aclosing(feed(stock.name, stock.parent).read()) as items:
            async for item in items:
                if isinstance(item, Page):
                    rows += len(item.lines)
                    if rows == 1000:
                        change()
        return rows

    return asyncio.run(read())


def test_a_file_that_grows_while_it_is_read_is_incomplete(stock: Path):
    with pytest.raises(IncompleteRead, match="changed while it was read: it was being written"), stock.open("a") as writer:
        read_while(stock, lambda: (writer.write("LATE,1\n"), writer.flush()))


def test_a_file_that_is_written_anew_in_place_while_it_is_read_is_incomplete(stock: Path):
    with pytest.raises(IncompleteRead):
        read_while(stock, lambda: stock.write_text(STOCK))


def test_a_file_that_is_replaced_while_it_is_read_is_whole(stock: Path):
    def replace() -> None:
        (stock.parent / "new").write_text(STOCK)
        (stock.parent / "new").replace(stock)

    assert read_while(stock, replace) == 3000


def test_a_file_just_written_must_rest_and_may_not_change_meanwhile(stock: Path):
    async def read_and_write() -> None:
        # Called as soon as the read waits for anything, which is for the file to rest.
        asyncio.get_running_loop().call_soon(stock.write_text, STOCK + "C,7\n")
        await read_whole(feed(stock.name, stock.parent, {"settle_seconds": "0.3"}))

    with pytest.raises(IncompleteRead, match=r"is being written: it changed within 0\.3 s"):
        asyncio.run(read_and_write())
    begun = time.monotonic()
    assert len(read_file(stock, {"settle_seconds": "0.3"}).lines) == 3
    assert time.monotonic() - begun < 5


def test_a_file_of_the_future_is_read_at_once(stock: Path):
    os.utime(stock, ns=(LONG_AGO + 10**14, LONG_AGO + 10**14))
    assert len(read_file(stock, {"settle_seconds": "60"}).lines) == 2


def test_the_same_file_need_not_be_read_again(stock: Path):
    memo = memo_of(stock)
    whole = read_file(stock, memo=memo)
    assert whole.items == [Completeness(None, 0, "not modified since it was last read", unchanged=True, memo=memo)]


def test_other_settings_read_the_same_file_again(stock: Path):
    memo = memo_of(stock)
    whole = read_file(stock, {"untracked_values": "5"}, memo=memo)
    assert whole.lines["A", "default"].quantity.state == "untracked"


def test_a_file_of_the_same_size_and_date_is_still_another(stock: Path):
    os.utime(stock, ns=(LONG_AGO, LONG_AGO))
    memo = memo_of(stock)
    stock.write_text(STOCK.replace("A,5", "A,4"))
    os.utime(stock, ns=(LONG_AGO, LONG_AGO))
    assert read_file(stock, memo=memo).lines["A", "default"].quantity.value == 4


@pytest.mark.parametrize(("age", "known"), [(1.0, False), (3.0, True)])
def test_only_a_file_that_has_rested_leaves_a_memo(stock: Path, age: float, known: bool):
    """Else a second change within the same tick of the file system's clock would not be seen."""

    async def memo() -> Mapping[str, str]:
        changed = stock.stat().st_ctime
        async with open_file(stock, 0, {}, lambda: changed + age) as source:
            assert source is not None
            return source.memo

    assert bool(asyncio.run(memo())) is known


def test_a_check_says_what_was_found(stock: Path):
    stock.write_text("Artikelnummer;Bestand;Typ\nA;5;x\nB;viel;x\nC;1;y\n")
    found = check_file(stock, {"exclude.Typ": "y"})
    assert [item.ok for item in found.values()] == [True, True, True, False]
    assert found["version"].detail.startswith(
        "CSV, utf-8, semicolon between cells, 3 headings; sku ← Artikelnummer, available ← Bestand; the SKU is the id;"
        " 1 lines; 1 excluded (1: Typ is y); 1 rejected (1: available 'viel' is not a number)"
    )
    assert found["version"].cure == "mend these rows, or say in the settings how to read them"


@pytest.mark.parametrize(
    ("name", "text", "check", "cure"),
    [
        ("gone.csv", None, "address", "put it there, or mend the store's address"),
        ("stock.xls", "a,b\n", "version", "set column.id or column.sku"),
        ("stock.csv", "sku,price\nA,1\n", "version", "set column.available"),
        ("stock.csv", "sku,stock\nA,5\nB,", "version", "if its maker always writes it so, set final_newline=optional"),
    ],
)
def test_a_check_names_the_fault_and_the_cure(stock: Path, name: str, text: str | None, check: str, cure: str):
    path = stock.parent / name
    if text is not None:
        path.write_text(text)
    found = check_file(path)
    assert next(item.check for item in found.values() if not item.ok) == check
    assert found[check].cure == cure


def test_the_loop_has_a_turn_between_the_parts_of_a_large_file(stock: Path):
    async def turns() -> int:
        loop, beats = asyncio.get_running_loop(), 0

        def beat() -> None:
            nonlocal beats
            beats += 1
            if not reading.done():
                loop.call_soon(beat)

        reading = asyncio.create_task(read_whole(feed(stock.name, stock.parent)))
        loop.call_soon(beat)
        assert len((await reading).lines) == 20_000
        return beats

    stock.write_text("sku,title,stock\n" + "".join(f"S{number},Title {number},{number}\n" for number in range(20_000)))
    assert asyncio.run(turns()) >= 20
