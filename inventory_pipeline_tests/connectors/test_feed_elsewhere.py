"""Feeds in stores of files, over real servers on this machine: sftp, ftp and S3."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncssh
import boto3
import pytest
from moto.server import ThreadedMotoServer
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    PlatformUnavailable,
    StoreMisconfigured,
    UsageError,
)
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline_tests.connectors.feeding import NOW, feed, read_url
from inventory_pipeline_tests.connectors.reading import Whole
from inventory_pipeline_tests.services.integrations.integrating import Workplace

STOCK = "sku,stock\nA,5\nB,6\n"
USER = {"username": "depot", "password": "pw-0123456789"}
LONG_AGO = time.time() - 3600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every server serves: a feed, and a folder of feeds."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "exports").mkdir()
    written(folder / "stock.csv", STOCK)
    written(folder / "exports" / "stock-1.csv", "sku,stock\nOLD,1\n", LONG_AGO - 86400)
    written(folder / "exports" / "stock-2.csv", "sku,stock\nNEW,2\n")
    written(folder / "exports" / "readme.txt", "no feed\n", LONG_AGO + 60)
    return folder


def written(path: Path, text: str, when: float = LONG_AGO) -> Path:
    path.write_text(text)
    os.utime(path, (when, when))
    return path


class _Server(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER["username"], USER["password"])


class Sftp:
    """An sftp server in a thread of its own; its key can be changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.fingerprint = ""
        self.port = 0
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.restart()

    def restart(self) -> None:
        self._run(self._start())

    def stop(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)  # pyright: ignore[reportArgumentType]

    async def _start(self) -> None:
        await self._close()
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.fingerprint = key.get_fingerprint()
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=_Server,
            server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self._folder).encode()),
            reuse_address=True,
        )
        self.port = self._acceptor.get_port()

    async def _close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def url(self, path: str) -> str:
        return f"sftp://127.0.0.1:{self.port}{path}"


@pytest.fixture(scope="module")
def sftp(folder: Path) -> Iterator[Sftp]:
    server = Sftp(folder)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ftp(folder: Path) -> Iterator[str]:
    users = DummyAuthorizer()
    users.add_user(USER["username"], USER["password"], str(folder))
    users.add_anonymous(str(folder))
    handler = type("Handler", (FTPHandler,), {"authorizer": users})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"ftp://127.0.0.1:{server.address[1]}"
    server.close_all()
    thread.join(10)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="key", aws_secret_access_key="secret-0123456789", region_name="us-east-1"
    )
    client.create_bucket(Bucket="feeds")
    client.put_object(Bucket="feeds", Key="stock.csv", Body=STOCK.removesuffix("\n").encode())
    client.put_object(Bucket="feeds", Key="exports/stock-1.csv", Body=b"sku,stock\nNEW,2\n")
    client.put_object(Bucket="feeds", Key="exports/readme.txt", Body=b"no feed\n")
    yield endpoint
    server.stop()


def items(whole: Whole) -> set[str]:
    return {item for item, _ in whole.lines}


def trusted(sftp: Sftp, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    return {"host_key": sftp.fingerprint, **(settings or {})}


def test_sftp_is_read_with_the_kept_key_alone(sftp: Sftp):
    whole = read_url(sftp.url("/stock.csv"), trusted(sftp), credentials=USER)
    assert items(whole) == {"A", "B"}
    assert whole.proof.modified is not None
    assert abs(whole.proof.modified.timestamp() - LONG_AGO) < 2
    with pytest.raises(
        StoreMisconfigured, match=r"the key of 127.0.0.1 is not known yet \(SHA256:.*; `stores check` shows and keeps"
    ):
        read_url(sftp.url("/stock.csv"), credentials=USER)


def test_the_key_that_a_check_shows_is_kept_in_the_store_and_then_it_is_read(sftp: Sftp, database: Database, tmp_path: Path):
    workplace = Workplace(database, tmp_path)
    url = sftp.url("/stock.csv")
    store = StoreIntegration(key="depot", platform="feed", url=url, settings=NOW, allow_private=True)
    workplace.from_command_line.add(store, USER)
    assert all(item.ok for item in workplace.from_command_line.check("depot"))
    kept = workplace.integrations.get("depot").settings
    assert kept == {**NOW, "host_key": sftp.fingerprint}
    assert items(read_url(url, kept, credentials=USER)) == {"A", "B"}
    assert ("stores check", "depot", "kept: host_key") in [(action, key, what) for action, key, what in workplace.audited()]


def test_a_check_shows_the_key_and_a_changed_one_is_refused(sftp: Sftp):
    checked = feed(sftp.url("/stock.csv"), credentials=USER)
    found = {item.check: item for item in asyncio.run(checked.check())}
    assert all(item.ok for item in found.values())
    assert sftp.fingerprint in found["address"].detail
    assert checked.learned == {"host_key": sftp.fingerprint}
    kept = trusted(sftp)
    sftp.restart()
    with pytest.raises(StoreMisconfigured, match=r"shows the key SHA256:.*, not SHA256:.* as kept: somebody may stand between"):
        read_url(sftp.url("/stock.csv"), kept, credentials=USER)
    checked = feed(sftp.url("/stock.csv"), settings=kept, credentials=USER)
    assert not all(item.ok for item in asyncio.run(checked.check()))
    assert checked.learned == {}


def test_the_newest_file_of_a_folder_counts(sftp: Sftp, ftp: str, s3: str):
    pattern = {"pattern": "stock-*.csv"}
    assert items(read_url(sftp.url("/exports/"), trusted(sftp, pattern), credentials=USER)) == {"NEW"}
    assert items(read_url(f"{ftp}/exports/", pattern)) == {"NEW"}
    keys = {"access_key": "key", "secret_key": "secret-0123456789"}
    assert items(read_url("s3://feeds/exports/", {"endpoint": s3, **pattern}, credentials=keys)) == {"NEW"}
    with pytest.raises(StoreMisconfigured, match=r"holds no file that fits pattern=\*.xlsx"):
        read_url(f"{ftp}/exports/", {"pattern": "*.xlsx"})


def test_ftp_sends_a_password_only_where_that_is_said(ftp: str):
    assert items(read_url(f"{ftp}/stock.csv")) == {"A", "B"}
    with pytest.raises(UsageError, match="ftp sends the password in the open; use sftp or ftps, or set insecure=true"):
        feed(f"{ftp}/stock.csv", credentials=USER)
    assert items(read_url(f"{ftp}/stock.csv", {"insecure": "true"}, credentials=USER)) == {"A", "B"}


def test_s3_is_read_and_an_object_needs_no_last_line_break(s3: str):
    keys = {"access_key": "key", "secret_key": "secret-0123456789"}
    assert items(read_url("s3://feeds/stock.csv", {"endpoint": s3}, credentials=keys)) == {"A", "B"}


def test_wrong_credentials_missing_files_and_silent_hosts_are_called_so(sftp: Sftp, ftp: str, s3: str):
    wrong = {**USER, "password": "another-0123456789"}
    with pytest.raises(CredentialsRejected):
        read_url(sftp.url("/stock.csv"), trusted(sftp), credentials=wrong)
    with pytest.raises(CredentialsRejected):
        read_url(f"{ftp}/stock.csv", {"insecure": "true"}, credentials=wrong)
    with pytest.raises(StoreMisconfigured, match=r"has no file or folder '/gone\.csv'"):
        read_url(sftp.url("/gone.csv"), trusted(sftp), credentials=USER)
    with pytest.raises(StoreMisconfigured, match=r"has no file or folder '/gone\.csv'"):
        read_url(f"{ftp}/gone.csv")
    with pytest.raises(StoreMisconfigured, match="has no file or folder"):
        read_url("s3://feeds/gone.csv", {"endpoint": s3}, credentials={"access_key": "key", "secret_key": "secret-0123456789"})
    with pytest.raises(PlatformUnavailable):
        read_url("sftp://127.0.0.1:9/stock.csv", {"host_key": "SHA256:x"}, credentials=USER)
    with pytest.raises(PlatformUnavailable):
        read_url("ftp://127.0.0.1:9/stock.csv")


def test_a_file_that_did_not_change_is_not_fetched_again(sftp: Sftp, ftp: str):
    for url, settings, credentials in ((sftp.url("/stock.csv"), trusted(sftp), USER), (f"{ftp}/stock.csv", {}, {})):
        first = read_url(url, settings, credentials=credentials)
        second = read_url(url, settings, credentials=credentials, memo=first.proof.memo)
        assert (second.proof.unchanged, second.proof.modified) == (True, first.proof.modified)


def test_a_file_that_is_being_written_is_waited_for(sftp: Sftp, folder: Path):
    path = folder / "young.csv"
    written(path, STOCK, time.time())
    writer = threading.Timer(0.5, lambda: path.write_text(STOCK + "C,7\n"))
    writer.start()
    with pytest.raises(IncompleteRead, match="is being written: it changed while it was waited for"):
        read_url(sftp.url("/young.csv"), trusted(sftp, {"settle_seconds": "2"}), credentials=USER)
    writer.join()


@pytest.mark.parametrize(
    ("url", "credentials", "told"),
    [
        ("sftp://host/x.csv", {}, "takes the credentials password and username or private_key and username"),
        ("s3://bucket/x.csv", {"token": "t"}, "takes the credentials none or access_key and secret_key"),
        ("ftp://depot:secret@host/x.csv", {}, "kept in the open; give them as credentials"),
        ("sftp:///x.csv", USER, "names no host or bucket"),
    ],
)
def test_what_such_a_store_does_not_take_is_refused(url: str, credentials: dict[str, str], told: str):
    with pytest.raises(UsageError, match=told):
        feed(url, credentials=credentials)


def test_a_private_server_is_connected_to_only_where_it_is_allowed(sftp: Sftp, ftp: str, s3: str) -> None:
    """By libraries that open their connections themselves, and some of them in threads of their own."""
    keys = {"access_key": "key", "secret_key": "secret-0123456789"}
    for url, settings, credentials in (
        (sftp.url("/stock.csv"), {"host_key": sftp.fingerprint}, USER),
        (f"{ftp}/stock.csv", {}, {}),
        ("s3://feeds/stock.csv", {"endpoint": s3}, keys),
    ):
        assert len(read_url(url, settings, credentials=credentials).lines) == 2
        with pytest.raises(StoreMisconfigured, match=r"^store 'depot': 127\.0\.0\.1 is a loopback address; where that is meant"):
            read_url(url, settings, credentials=credentials, allow_private=False)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]"])
def test_a_metadata_address_is_never_connected_to(host: str) -> None:
    for url, settings, credentials in (
        (f"sftp://{host}/x.csv", {"host_key": "SHA256:x"}, USER),
        (f"ftp://{host}/x.csv", {}, {}),
        ("s3://feeds/x.csv", {"endpoint": f"http://{host}"}, {}),
    ):
        with pytest.raises(StoreMisconfigured, match="a link-local or metadata address"):
            read_url(url, settings, credentials=credentials)
