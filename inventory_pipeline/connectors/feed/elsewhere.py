"""Feeds in stores of files: ftp, sftp, S3 and the like, through fsspec. Its libraries are extras, loaded only where needed."""

import asyncio
import ftplib
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.sources import RACY_SECONDS, Source, newest
from inventory_pipeline.core.addresses import AddressPolicy
from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    PlatformUnavailable,
    StoreMisconfigured,
    SyncError,
    UsageError,
)
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.outbound import checked_connections

Result = TypeVar("Result")

IN_MEMORY = 8 << 20
MAX_BYTES = 2 << 30
YOUNG = 60.0  # seconds; a file this young may change again within the second that its store's clock tells
_PART = 1 << 20
_TIMEOUT = 30

_CREDENTIALS: Mapping[str, tuple[set[str], ...]] = {
    "ftp": (set(), {"username", "password"}),
    "sftp": ({"username", "password"}, {"username", "private_key"}),
    "s3": (set(), {"access_key", "secret_key"}),
    "gs": (set(), {"service_account"}),
    "az": ({"account_name", "account_key"}, {"account_name", "sas_token"}, {"account_name"}),
}
_KINDS = {"ftps": "ftp", "gcs": "gs", "abfs": "az"}
_EXTRAS = {"sftp": "sftp", "s3": "s3", "gs": "gcs", "az": "azure"}
_WHOLE_OR_NOT_AT_ALL = ("s3", "gs", "az")  # an object is there once all of it is


@dataclass(slots=True)
class Elsewhere:
    """A feed in a store of files.

    With `trusts_new_key` the key of an sftp host that has none in the settings is accepted, and put into `learned`, which the
    store's settings then keep.
    """

    url: str
    settings: FeedSettings
    credentials: Mapping[str, str] = field(repr=False)
    policy: AddressPolicy = field(repr=False)
    trusts_new_key: bool = False
    learned: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UsageError for an address without a host, or credentials that such a store does not take."""
        parts, kind = self._parts, self._kind
        if not parts.hostname:
            raise UsageError(
                f"the feed's address names no host or bucket; it needs the form {parts.scheme}://host/folder/file.csv"
            )
        if parts.password or parts.username:
            raise UsageError("a name or password in the feed's address is kept in the open; give them as credentials")
        given = set(self.credentials)
        if given not in _CREDENTIALS[kind]:
            ways = " or ".join(" and ".join(sorted(names)) or "none" for names in _CREDENTIALS[kind])
            raise UsageError(f"a feed at {parts.scheme}:// takes the credentials {ways}")
        if parts.scheme.lower() == "ftp" and given and not self.settings.insecure:
            raise UsageError("ftp sends the password in the open; use sftp or ftps, or set insecure=true")

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def _host(self) -> str:
        return urlsplit(self.settings.endpoint or self.url).hostname or ""

    @property
    def _kind(self) -> str:
        scheme = self._parts.scheme.lower()
        return _KINDS.get(scheme, scheme)

    @asynccontextmanager
    async def open(self, memo: Mapping[str, str]) -> AsyncIterator[Source | None]:
        """The file, fetched whole once it has rested; None where `memo` says that it is the one already read."""
        arguments = await self._sftp_arguments() if self._kind == "sftp" else {}
        files = await self._do(lambda: self._file_system(arguments))
        try:
            async with self._opened(files, memo) as source:
                yield source
        finally:
            await asyncio.to_thread(_close, files)

    @asynccontextmanager
    async def _opened(self, files: Any, memo: Mapping[str, str]) -> AsyncIterator[Source | None]:
        path = await self._do(lambda: self._chosen(files))
        entry = await self._settled(files, path)
        if memo.get("file") == _stamp(path, entry):
            yield None
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
            size = await self._do(lambda: self._fetch(files, path, copy))
            after = await self._do(lambda: files.info(path))
            if _stamp(path, after) != _stamp(path, entry) or size != entry.get("size", size):
                raise IncompleteRead(f"feed file {_name(path)!r:.120} changed while it was fetched: it was being written")
            copy.seek(0)
            modified = _modified(entry)
            age = time.time() - modified.timestamp() if modified else 0.0
            yield Source(
                file=copy,
                name=_name(path),
                ends_proved=self._kind in _WHOLE_OR_NOT_AT_ALL,
                how=f"read to the end of {size:,} bytes",
                memo={"file": _stamp(path, entry)} if age > YOUNG else {},
                modified=modified,
                rested=age > RACY_SECONDS,
            )

    async def _do(self, work: Callable[[], Result]) -> Result:
        """Work that waits for the network, in a thread. Raises the SyncError types for what goes wrong there."""
        with checked_connections(self.policy, self._host) as check:
            try:
                return await asyncio.to_thread(work)
            except SyncError:
                raise
            except ImportError:
                extra = _EXTRAS.get(self._kind, self._kind)
                raise StoreMisconfigured(
                    f"reading {self._kind}:// needs more libraries; pip install 'inventory_pipeline[{extra}]'"
                ) from None
            except Exception as error:  # noqa: BLE001 each library has its own kinds; what is not known is raised again
                if check.refused:
                    raise StoreMisconfigured(check.refused[0]) from None
                raise self._meaning(error) or error from None

    def _meaning(self, error: Exception) -> SyncError | None:
        host = f"{self._parts.hostname}"
        told = one_line(error, 120)
        kind = type(error).__name__
        if isinstance(error, FileNotFoundError) or (isinstance(error, ftplib.error_perm) and told.startswith("550")):
            return StoreMisconfigured(
                f"{host} has no file or folder {unquote(self._parts.path)!r:.120}; mend the store's address"
            )
        if isinstance(error, PermissionError | ftplib.error_perm) or kind in ("PermissionDenied", "NoCredentialsError"):
            return CredentialsRejected(f"{host} refuses these credentials ({told}); check them, and the right to read the feed")
        if kind in ("HostKeyNotVerifiable", "SSLCertVerificationError"):
            return StoreMisconfigured(f"{host} cannot be trusted ({told}); ask its owner")
        if isinstance(error, OSError | EOFError | ftplib.Error | TimeoutError) or type(error).__module__.startswith(
            ("asyncssh", "botocore", "aiohttp", "google", "azure")
        ):
            return PlatformUnavailable(f"{host} does not answer as it should ({kind}: {told}); it is tried again")
        return None

    async def _sftp_arguments(self) -> dict[str, Any]:
        """The sign-in, and the one host key that is accepted: the kept one, or at a check the one that the host shows now."""
        try:
            import asyncssh
        except ImportError:
            raise StoreMisconfigured("reading sftp:// needs more libraries; pip install 'inventory_pipeline[sftp]'") from None
        host, port = self._parts.hostname or "", self._parts.port or 22
        with checked_connections(self.policy, host) as check:
            try:
                key = await asyncio.wait_for(asyncssh.get_server_host_key(host, port, config=None), _TIMEOUT)
            except (OSError, asyncssh.Error, TimeoutError) as error:
                if check.refused:
                    raise StoreMisconfigured(check.refused[0]) from None
                raise PlatformUnavailable(
                    f"{host} does not answer as it should ({one_line(error, 120)}); it is tried again"
                ) from None
        if key is None:
            raise PlatformUnavailable(f"{host} shows no key; it is tried again")
        shown, kept = key.get_fingerprint(), self.settings.host_key
        if not kept and not self.trusts_new_key:
            raise StoreMisconfigured(
                f"the key of {host} is not known yet ({shown}); `stores check` shows and keeps it, or set host_key={shown}"
            )
        if kept and kept != shown:
            raise StoreMisconfigured(
                f"{host} shows the key {shown}, not {kept} as kept: somebody may stand between; if its owner has changed it,"
                f" set host_key={shown}"
            )
        self.learned = {} if kept else {"host_key": shown}
        arguments: dict[str, Any] = {"port": port, "username": self.credentials["username"], "known_hosts": ([key], [], [])}
        arguments |= {"client_keys": None, "agent_path": None, "config": None, "login_timeout": _TIMEOUT}
        if "private_key" in self.credentials:
            try:
                arguments["client_keys"] = [asyncssh.import_private_key(self.credentials["private_key"])]
            except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
                raise CredentialsRejected(
                    "the credential private_key is no private key without a passphrase; store it anew"
                ) from None
        else:
            arguments["password"] = self.credentials["password"]
        return arguments

    def _file_system(self, arguments: Mapping[str, Any]) -> Any:
        known: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        parts, given = self._parts, self.credentials
        if self._kind == "sftp":
            from sshfs import SSHFileSystem

            return SSHFileSystem(parts.hostname, **arguments, skip_instance_cache=True)
        if self._kind == "ftp":
            return _ftp(parts, given, known)
        if self._kind == "s3":
            from s3fs import S3FileSystem

            more = {"endpoint_url": self.settings.endpoint} if self.settings.endpoint else {}
            return S3FileSystem(anon=not given, key=given.get("access_key"), secret=given.get("secret_key"), **more, **known)
        if self._kind == "gs":
            from gcsfs import GCSFileSystem  # pyright: ignore[reportMissingImports]  # an extra

            return GCSFileSystem(token=json.loads(given["service_account"]) if given else "anon", **known)
        from adlfs import AzureBlobFileSystem  # pyright: ignore[reportMissingImports]  # an extra

        return AzureBlobFileSystem(**given, anon="account_key" not in given and "sas_token" not in given, **known)

    def _chosen(self, files: Any) -> str:
        """The file that the address means; of a folder the newest that fits."""
        path = unquote(self._parts.path)
        if self._kind in _WHOLE_OR_NOT_AT_ALL:
            path = f"{self._parts.netloc}{path}"
        if not path.endswith("/") and files.info(path).get("type") != "directory":
            return path
        entries = [entry for entry in files.ls(path.rstrip("/"), detail=True) if entry.get("type") == "file"]
        times = {_name(entry["name"]): (_modified(entry) or datetime.min.replace(tzinfo=UTC)).timestamp() for entry in entries}
        chosen = newest(times, self.settings.pattern, repr(_name(path.rstrip("/"))))
        return next(entry["name"] for entry in entries if _name(entry["name"]) == chosen)

    async def _settled(self, files: Any, path: str) -> dict[str, Any]:
        """What the store says of the file, once it has rested."""
        entry = await self._do(lambda: files.info(path))
        modified = _modified(entry)
        age = time.time() - modified.timestamp() if modified else 0.0
        if self._kind not in _WHOLE_OR_NOT_AT_ALL and 0 <= age < self.settings.settle_seconds:
            await asyncio.sleep(self.settings.settle_seconds - age)
            after = await self._do(lambda: files.info(path))
            if _stamp(path, after) != _stamp(path, entry):
                raise IncompleteRead(f"feed file {_name(path)!r:.120} is being written: it changed while it was waited for")
        return entry

    def _fetch(self, files: Any, path: str, copy: IO[bytes]) -> int:
        with files.open(path, "rb", block_size=_PART) as file:
            while part := file.read(_PART):
                copy.write(part)
                if copy.tell() > MAX_BYTES:
                    raise StoreMisconfigured(f"{_name(path)} holds more than {MAX_BYTES >> 30} GiB; split the feed")
        return copy.tell()


def _ftp(parts: SplitResult, given: Mapping[str, str], known: Mapping[str, Any]) -> Any:
    from fsspec.implementations.ftp import FTPFileSystem

    class TrustedTls(FTPFileSystem):
        """ftps that checks the host's certificate, which ftplib does not do by itself."""

        def _connect(self) -> None:
            self.ftp = ftplib.FTP_TLS(timeout=self.timeout, encoding=self.encoding, context=ssl.create_default_context())
            self.ftp.connect(self.host, self.port)
            self.ftp.login(*self.cred)
            self.ftp.prot_p()

    secure = parts.scheme.lower() == "ftps"
    kind = TrustedTls if secure else FTPFileSystem
    return kind(
        parts.hostname,
        port=parts.port or 21,
        username=given.get("username"),
        password=given.get("password"),
        timeout=_TIMEOUT,
        tls=secure,
        **known,
    )


def _close(files: Any) -> None:
    """Closes the connections now. These libraries would close them only when their objects are collected."""
    if hasattr(files, "_stack"):  # sshfs
        files._finalize(files.loop, files._pool, files._stack)
    elif hasattr(files, "ftp"):
        files.ftp.close()


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _modified(entry: Mapping[str, Any]) -> datetime | None:
    """When a file was last written, whatever its store calls that."""
    for name in ("mtime", "LastModified", "last_modified", "updated", "modify"):
        value = entry.get(name)
        if isinstance(value, datetime):
            return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and value:
            for form in ("%Y%m%d%H%M%S", "%Y%m%d%H%M%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ"):
                try:
                    return datetime.strptime(value, form).replace(tzinfo=UTC)
                except ValueError:
                    continue
    return None


def _stamp(path: str, entry: Mapping[str, Any]) -> str:
    """Which bytes these are, as far as the store tells."""
    return f"{path}:{entry.get('size')}:{_modified(entry)}:{entry.get('ETag') or entry.get('etag') or ''}"
