"""Places in object stores, with as much of what `pathlib` has as logs and samples need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from simulator.errors import LogError, UsageError

if TYPE_CHECKING:
    from pyarrow import fs

SCHEMES = ("s3", "gs", "az")


@dataclass(frozen=True, slots=True)
class StorePath:
    """An object, or a folder of them.

    Who one is, the store is told as its own tools are told: for s3 by the variables AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION or the files of the AWS command line, and by AWS_ENDPOINT_URL where another
    server speaks its language; for gs by Google's default credentials; for az by AZURE_STORAGE_ACCOUNT.

    Parameters
    ----------
    url : such as s3://bucket/logs/shop.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, part: str) -> StorePath:
        return StorePath(f"{self.url.rstrip('/')}/{part}")

    @property
    def scheme(self) -> str:
        """The store's kind: s3, gs or az."""
        return urlsplit(self.url).scheme

    @property
    def key(self) -> str:
        """Bucket and path, as the file system has them."""
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path}".rstrip("/")

    @property
    def name(self) -> str:
        """The last part."""
        return PurePosixPath(self.key).name

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return PurePosixPath(self.key).stem

    @property
    def filesystem(self) -> fs.FileSystem:
        """The store, as pyarrow has it."""
        return _filesystem(self.scheme)

    def relative_to(self, root: StorePath) -> PurePosixPath:
        """Return the path below another place."""
        return PurePosixPath(self.key).relative_to(root.key)

    def exists(self) -> bool:
        """Tell whether there is an object, or any below it."""
        return self._type() != "NotFound"

    def is_dir(self) -> bool:
        """Tell whether there are objects below it."""
        return self._type() == "Directory"

    def is_file(self) -> bool:
        """Tell whether it is an object."""
        return self._type() == "File"

    def size(self) -> int:
        """Return the bytes of an object."""
        with self._told():
            return int(self.filesystem.get_file_info(self.key).size)

    def etag(self) -> str:
        """Return what the store says of an object's content."""
        with self._told(), self.filesystem.open_input_stream(self.key) as stream:
            return str((stream.metadata() or {}).get("ETag", b""))

    def iterdir(self) -> Iterator[StorePath]:
        """Yield what lies in a folder."""
        from pyarrow import fs

        with self._told():
            found = self.filesystem.get_file_info(fs.FileSelector(self.key, allow_not_found=True))
        for info in sorted(found, key=lambda info: info.path):
            if info.path.rstrip("/") != self.key:
                yield StorePath(f"{self.scheme}://{info.path}")

    def glob(self, pattern: str) -> Iterator[StorePath]:
        """Yield what lies in a folder under a name that matches."""
        return (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    def match(self, pattern: str) -> bool:
        """Tell whether the name matches."""
        return fnmatchcase(self.name, pattern)

    def open(self, mode: Literal["rb", "wb"]) -> Any:
        """Open an object; one that is written appears when it is closed."""
        with self._told():
            if mode == "wb":
                return self.filesystem.open_output_stream(self.key, compression=None)
            return self.filesystem.open_input_file(self.key)

    def read_text(self, encoding: str) -> str:
        """Read a whole object."""
        with self._told(), self.open("rb") as file:
            return bytes(file.read()).decode(encoding)

    def write_text(self, text: str, encoding: str) -> None:
        """Write a whole object."""
        with self._told(), self.open("wb") as file:
            file.write(text.encode(encoding))

    def mkdir(self) -> None:
        """Do nothing: a folder is there when anything is in it."""

    def absolute(self) -> StorePath:
        """Return itself."""
        return self

    def remove(self) -> None:
        """Remove it with all that lies below it, if there is any."""
        if self.is_dir():
            with self._told():
                self.filesystem.delete_dir(self.key)

    def _type(self) -> str:
        with self._told():
            return str(self.filesystem.get_file_info(self.key).type.name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LogError(f"{self}: the store says no ({str(error).splitlines()[0]})") from None


Location = Path | StorePath
"""Where a log or samples are: on a disk, or in an object store."""


def located(text: str | Path | StorePath) -> Location:
    """Return the place that a text names.

    Raises
    ------
    UsageError : a URL of another kind than `SCHEMES`, or one without a bucket.
    """
    if not isinstance(text, str) or "://" not in text:
        return Path(text) if isinstance(text, str) else text
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES or not parts.netloc:
        allowed = ", ".join(f"{scheme}://BUCKET/..." for scheme in SCHEMES)
        raise UsageError(f"{text}: is no place that is known; allowed: a path, {allowed}")
    return StorePath(text.rstrip("/"))


def on_disk(location: Location) -> Path:
    """Return a path on a disk.

    Raises
    ------
    UsageError : it is in a store.
    """
    if isinstance(location, Path):
        return location
    raise UsageError(f"{location}: only deliver reads a log in a store; copy it to a disk first")


def sink(path: Location) -> Any:
    """Open a file or object for pyarrow to write."""
    if isinstance(path, StorePath):
        return path.open("wb")
    from pyarrow import OSFile

    return OSFile(str(path), "wb")


@cache
def _filesystem(scheme: str) -> fs.FileSystem:
    from pyarrow import fs

    if scheme == "s3":
        server = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if not server:
            return fs.S3FileSystem()
        parts = urlsplit(server)
        return fs.S3FileSystem(endpoint_override=parts.netloc, scheme=parts.scheme)
    if scheme == "gs":
        return fs.GcsFileSystem()
    return fs.AzureFileSystem(os.environ.get("AZURE_STORAGE_ACCOUNT", ""))


def for_duckdb(scheme: str) -> Any:
    """Return a store as DuckDB takes it.

    Raises
    ------
    UsageError : fsspec is not installed.
    """
    try:
        from fsspec.implementations.arrow import ArrowFSWrapper
    except ImportError:
        raise UsageError(f"{scheme}://: needs fsspec; pip install 'afterclick[{scheme}]'") from None
    return type("Store", (ArrowFSWrapper,), {"protocol": scheme})(_filesystem(scheme))
