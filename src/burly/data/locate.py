"""From what a user writes (paths, globs, folders, URIs) to the objects that it names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

from burly.data.shards import DataObject
from burly.data.storage import Storage
from burly.data.uris import absolute
from burly.exceptions import ConfigurationError, DataNotFoundError

FORMATS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npy": "npy",
    ".svm": "svmlight",
    ".svm.gz": "svmlight",
    ".svmlight": "svmlight",
    ".svmlight.gz": "svmlight",
    ".libsvm": "svmlight",
    ".libsvm.gz": "svmlight",
}
_WILD = frozenset("*?[")


def find_objects(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], storage: Storage
) -> list[DataObject]:
    """Find the objects that a source names, in a fixed order.

    Parameters
    ----------
    source : path, glob, folder or URI, or a sequence of these
        A glob and a folder give their objects sorted by name; ``**`` matches any depth; a sequence
        keeps its order. Hidden files (``.x``, ``_SUCCESS``) in folders are passed over.
    storage : Storage

    Raises
    ------
    burly.exceptions.DataNotFoundError
        If something that was named is not there.
    """
    entries = [source] if isinstance(source, str | os.PathLike) else list(source)
    if not entries:
        raise DataNotFoundError("an empty list of files was given")
    found = storage.map(lambda entry: _expand(absolute(entry), storage), entries)
    return list(chain.from_iterable(found))


def format_of(objects: Sequence[DataObject], asked: str | None) -> str:
    """Return the format of objects, by their names or as asked for.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If names say nothing, or several things.
    """
    archives = [item.uri for item in objects if item.uri.endswith(".npz")]
    if archives:
        raise ConfigurationError(
            f"{archives[0]} is an archive of arrays, which cannot be read in parts; "
            "write its array with np.save('X.npy', np.load(path)['X'])"
        )
    if asked is not None:
        return asked
    formats = {_format_of_name(item.uri) for item in objects}
    if len(formats) == 1:
        (only,) = formats
        if only is not None:
            return only
        raise ConfigurationError(
            f"cannot tell the format of {objects[0].uri} from its name",
            remedy="give {format:csv}, {format:parquet}, {format:npy} or {format:svmlight}",
        )
    names = ", ".join(sorted(str(name or "unknown") for name in formats))
    raise ConfigurationError(
        f"the source names files of several formats ({names})",
        remedy="name one kind with a glob such as 'data/*.parquet', or give {format}",
    )


def _format_of_name(uri: str) -> str | None:
    name = uri.lower()
    return next((kind for suffix, kind in FORMATS.items() if name.endswith(suffix)), None)


def _expand(uri: str, storage: Storage) -> list[DataObject]:
    """Objects of one entry; a name that exists as it is written is never taken for a glob."""
    if not uri.endswith("/"):
        try:
            return [storage.head(uri)]
        except DataNotFoundError:
            if _WILD.isdisjoint(uri):
                below = _visible(uri + "/", storage)
                if not below:
                    if Path(uri).is_dir():
                        raise _nothing_in(uri) from None
                    raise
                return below
    elif _WILD.isdisjoint(uri):
        below = _visible(uri, storage)
        if not below:
            raise _nothing_in(uri)
        return below
    matches = sorted(_glob(uri.rstrip("/"), storage), key=lambda item: item.uri)
    if not matches:
        raise DataNotFoundError(f"no file matches {uri}")
    return matches


def _nothing_in(folder: str) -> DataNotFoundError:
    return DataNotFoundError(
        f"nothing is in {folder}: check the path; hidden and empty files do not count"
    )


def _visible(folder: str, storage: Storage) -> list[DataObject]:
    return [
        item
        for item in storage.list_below(folder)
        if item.size and not _hidden(item.uri.removeprefix(folder))
    ]


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in path.split("/"))


def _glob(pattern: str, storage: Storage) -> Iterator[DataObject]:
    """Descend level by level, so that ``data/*.csv`` never lists what is deeper."""
    parts = pattern.split("/")
    wild = next(i for i, part in enumerate(parts) if not _WILD.isdisjoint(part))
    yield from _descend("/".join(parts[:wild]), parts[wild:], storage)


def _descend(folder: str, parts: list[str], storage: Storage) -> Iterator[DataObject]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _any_depth(folder, parts, storage)
        return
    folders, objects = storage.list_folder(folder + "/")
    if not rest:
        yield from (item for item in objects if _matches(item.uri, part))
        return
    for below in folders:
        if _matches(below, part):
            yield from _descend(below, rest, storage)


def _any_depth(folder: str, parts: list[str], storage: Storage) -> Iterator[DataObject]:
    if parts[-1] == "**":
        parts = [*parts, "*"]
    for item in storage.list_below(folder + "/"):
        path = item.uri.removeprefix(folder + "/")
        if _fits(path.split("/"), parts) and not _hidden(path):
            yield item


def _fits(names: list[str], parts: list[str]) -> bool:
    """Whether names, level by level, are what a pattern says; ``**`` is any number of them."""
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_fits(names[at:], parts[1:]) for at in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _fits(names[1:], parts[1:])


def _matches(uri: str, part: str) -> bool:
    name = uri.rpartition("/")[2]
    return fnmatchcase(name, part) and (part.startswith((".", "_")) or not _hidden(name))
