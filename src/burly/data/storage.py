"""Files and objects, through obstore.

Credentials come from the environment (the function's own role, or the usual ``AWS_*``, ``GOOGLE_*``
and ``AZURE_*`` variables), or from a mapping with the same names that travelled in a launcher's payload.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, TypeVar

import obstore
from obstore import exceptions as foreign

from burly.data.object_stores import check_folder, check_process, open_store, variables_of
from burly.data.shards import DataObject
from burly.data.store_errors import changed, no_bucket, ours
from burly.data.uris import joined, root_and_key
from burly.exceptions import DataNotFoundError

if TYPE_CHECKING:
    from obstore import Bytes, BytesStream, GetOptions, ObjectMeta
    from obstore.store import ObjectStore

Item = TypeVar("Item")
Result = TypeVar("Result")
_N_REQUESTS = 16
_OF_THIS_MACHINE = frozenset(
    {
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AZURE_FEDERATED_TOKEN_FILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SERVICE_ACCOUNT",
    }
)
"""Variables that name a file or a service which functions elsewhere do not have."""


class Credentials(Mapping[str, str]):
    """Settings of object stores, named as their environment variables; shows none of them.

    Parameters
    ----------
    settings : mapping of str to str
        For example ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT_URL``.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = dict(settings)

    @classmethod
    def from_environment(cls, places: Iterable[str]) -> Credentials:
        """Collect what the environment says about the stores of some absolute places, and no others.

        It is for a payload: what is not needed there does not travel, nor what names files and
        services of this machine. The key of a Google service account travels in place of its file.
        """
        prefixes = variables_of(places)
        found = {k: v for k, v in os.environ.items() if k.startswith(prefixes)}
        settings = {k: v for k, v in found.items() if k not in _OF_THIS_MACHINE}
        file = found.get("GOOGLE_APPLICATION_CREDENTIALS") or found.get("GOOGLE_SERVICE_ACCOUNT")
        if file and (key := _service_account(file)):
            settings.setdefault("GOOGLE_SERVICE_ACCOUNT_KEY", key)
        return cls(settings)

    def __getitem__(self, name: str) -> str:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return f"Credentials(<{len(self)} settings, not shown>)"


def _service_account(path: str) -> str | None:
    """Return what a file holds, if that is the key of a Google service account."""
    with suppress(OSError, ValueError):
        text = Path(path).read_text(encoding="utf-8")
        if json.loads(text).get("type") == "service_account":
            return text
    return None


class Storage:
    """Files and objects by their absolute place; one a worker, shared by its threads.

    Parameters
    ----------
    credentials : mapping of str to str, optional
        Overrides the environment, variable by variable.
    """

    def __init__(self, credentials: Mapping[str, str] | None = None) -> None:
        self._credentials = Credentials(credentials or {})
        self._stores: dict[str, ObjectStore] = {}
        self._lock = Lock()
        self._known: dict[Hashable, Future[Any]] = {}
        self._pool = ThreadPoolExecutor(_N_REQUESTS, "burly-storage")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def head(self, uri: str) -> DataObject:
        """Return what is at a place now.

        Raises
        ------
        burly.exceptions.DataNotFoundError, burly.exceptions.DataAccessError
        """
        store, key = self._find(uri)
        with ours(uri):
            meta = obstore.head(store, key)
        return DataObject(uri, meta["e_tag"], meta["size"])

    def read(self, item: DataObject, begin: int, end: int) -> Bytes:
        """Return bytes ``begin`` to ``end`` of an object, if it is still the one that was seen.

        Raises
        ------
        burly.exceptions.DataChangedError
            If it was replaced or removed since.
        """
        store, key = self._find(item.uri)
        options: GetOptions = {"range": (begin, end), **_only(item)}
        with ours(item.uri, seen=True):
            result = obstore.get(store, key, options=options)
            _check_is(item, result.meta)
            return result.bytes()

    def read_soon(self, item: DataObject, begin: int, end: int) -> Future[memoryview]:
        """Start to read, as `read` does; a few requests are under way at a time."""
        return self._pool.submit(lambda: memoryview(self.read(item, begin, end)))

    def once(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """Return what a function returned when it was first called for a key."""
        with self._lock:
            known = self._known.get(key)
            task = known or self._known.setdefault(key, Future())
        if known is None:
            try:
                task.set_result(make())
            except BaseException as error:
                task.set_exception(error)
                raise
        result: Result = task.result()
        return result

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Call a function that asks the store, for many items at a time."""
        return list(self._pool.map(function, items))

    def stream(self, item: DataObject, chunk_bytes: int) -> Iterator[Bytes]:
        """Yield a whole object in order, in pieces of at least ``chunk_bytes`` but the last."""
        store, key = self._find(item.uri)
        with ours(item.uri, seen=True):
            result = obstore.get(store, key, options=_only(item))
            _check_is(item, result.meta)
            stream: BytesStream = result.stream(min_chunk_size=chunk_bytes)
            yield from stream

    def list_folder(self, uri: str) -> tuple[list[str], list[DataObject]]:
        """Return the folders and the objects right below a place, sorted."""
        store, key = self._find(uri)
        root, _ = root_and_key(uri)
        with ours(uri):
            result = obstore.list_with_delimiter(store, prefix=key.rstrip("/") or None)
        folders = sorted(joined(root, folder.rstrip("/")) for folder in result["common_prefixes"])
        return folders, _sorted_objects(root, result["objects"])

    def list_below(self, uri: str) -> list[DataObject]:
        """Return all objects below a place, however deep, sorted."""
        found = [item for page in self._list_below(uri) for item in page]
        return sorted(found, key=lambda item: item.uri)

    def _list_below(self, uri: str) -> Iterator[list[DataObject]]:
        store, key = self._find(uri)
        root, _ = root_and_key(uri)
        with ours(uri):
            for page in obstore.list(store, prefix=key.rstrip("/")):
                yield _sorted_objects(root, page)

    def list_target(self, uri: str) -> list[DataObject]:
        """Return some objects below a place that is to be written to, if there are any.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            If it can be seen already that nothing can be written there.
        """
        if not root_and_key(uri)[0]:
            check_folder(uri)
        try:
            return next(self._list_below(uri), [])
        except DataNotFoundError:
            raise no_bucket(uri) from None

    def create(self, uri: str, body: bytes | memoryview) -> DataObject | None:
        """Write an object unless there is one; return it, or None if there was one already."""
        store, key = self._find(uri)
        with ours(uri, writing=True):
            try:
                written = obstore.put(store, key, body, mode="create", use_multipart=False)
            except (foreign.AlreadyExistsError, FileExistsError):
                return None
        return DataObject(uri, written["e_tag"], memoryview(body).nbytes)

    def remove(self, items: Sequence[DataObject]) -> None:
        """Remove objects; one that is gone already is no error."""
        for item in items:
            store, key = self._find(item.uri)
            with suppress(DataNotFoundError), ours(item.uri):
                obstore.delete(store, key)

    def remove_folder(self, uri: str) -> None:
        """Remove all objects below a place, and the folders that held them."""
        self.remove(self.list_below(uri))
        if not root_and_key(uri)[0]:
            for folder, _, _ in os.walk(uri, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()

    def _find(self, uri: str) -> tuple[ObjectStore, str]:
        check_process()
        root, key = root_and_key(uri)
        with self._lock:
            if root not in self._stores:
                self._stores[root] = open_store(root, self._credentials)
            return self._stores[root], key


def _sorted_objects(root: str, metas: Any) -> list[DataObject]:
    objects = [DataObject(joined(root, m["path"]), m["e_tag"], m["size"]) for m in metas]
    return sorted(objects, key=lambda item: item.uri)


def _only(item: DataObject) -> GetOptions:
    """Ask for an object as it was seen."""
    return {} if item.etag is None else {"if_match": item.etag}


def _check_is(item: DataObject, meta: ObjectMeta) -> None:
    """Refuse another object than was seen, for stores that overlook what was asked."""
    etag = meta["e_tag"]
    if item.etag is None or etag is None:
        same = meta["size"] == item.size
    else:
        same = etag.strip('"') == item.etag.strip('"')
    if not same:
        raise changed(item.uri)
