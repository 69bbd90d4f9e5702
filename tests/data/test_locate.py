import os

import pytest

from burly.data.locate import find_objects, format_of
from burly.data.shards import DataObject
from burly.data.storage import Credentials, Storage
from burly.data.uris import absolute
from burly.exceptions import ConfigurationError, DataNotFoundError


@pytest.fixture
def folder(tmp_path):
    for name in [
        "b.csv",
        "a.csv",
        ".hidden.csv",
        "_SUCCESS",
        "deep/c.csv",
        "deep/er/d.csv",
        "e.npy",
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    (tmp_path / "empty.csv").touch()
    return tmp_path


def found(source, folder):
    with Storage() as storage:
        return [os.path.relpath(item.uri, folder) for item in find_objects(source, storage)]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.csv", ["a.csv"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        ("?.csv", ["a.csv", "b.csv"]),
        ("*/*.csv", ["deep/c.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "deep/c.csv", "deep/er/d.csv", "empty.csv"]),
        ("**/er/**/*.csv", ["deep/er/d.csv"]),
        ("**/deep/**/*.csv", ["deep/c.csv", "deep/er/d.csv"]),
        ("**/**/c.csv", ["deep/c.csv"]),
        ("deep/**", ["deep/c.csv", "deep/er/d.csv"]),
        ("deep", ["deep/c.csv", "deep/er/d.csv"]),
        ("deep/", ["deep/c.csv", "deep/er/d.csv"]),
        (".*.csv", [".hidden.csv"]),
    ],
)
def test_names_globs_and_folders_are_found_sorted(folder, pattern, names):
    assert found(str(folder / pattern) + ("/" if pattern.endswith("/") else ""), folder) == names


def test_a_list_keeps_its_order(folder):
    assert found([folder / "b.csv", str(folder / "a.csv")], folder) == ["b.csv", "a.csv"]


def test_file_uris_are_paths(folder):
    (folder / "with space.csv").write_bytes(b"1")
    assert found(f"file://{folder}/with%20space.csv", folder) == ["with space.csv"]


def test_a_name_that_exists_is_no_glob(folder):
    (folder / "x[1].csv").write_bytes(b"1")
    assert found(folder / "x[1].csv", folder) == ["x[1].csv"]


def test_relative_paths_start_here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert found("deep/../a.csv", folder) == ["a.csv"]


@pytest.mark.parametrize("source", ["nothing.csv", "nothing/*.csv", "*.xyz", "nothing/", []])
def test_what_is_not_there_is_an_error(folder, source):
    with pytest.raises(DataNotFoundError):
        found([] if source == [] else str(folder) + "/" + source, folder)


def test_an_empty_folder_is_told_with_and_without_a_slash(folder):
    (folder / "none").mkdir()
    for path in (f"{folder}/none", f"{folder}/none/"):
        with pytest.raises(
            DataNotFoundError, match=r"nothing is in .*/none/?: .* hidden and empty"
        ):
            found(path, folder)


@pytest.mark.parametrize("name", ["~$x.csv", "~nobody-of-this-name/x.csv"])
def test_what_begins_like_a_home_and_is_none_is_a_name(folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"1")
    assert found(name, folder) == [name]


@pytest.mark.parametrize("uri", ["http://x/y.csv", "ftp://x", "s3:///key"])
def test_other_places_are_refused(uri):
    with pytest.raises(ConfigurationError):
        absolute(uri)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.csv", "a.npy"], r"several formats \(csv, npy\)"),
        (["a.txt"], "cannot tell the format of a.txt"),
    ],
)
def test_formats_that_names_do_not_tell_are_asked_for(names, message):
    with pytest.raises(ConfigurationError, match=message):
        format_of([DataObject(name, None, 1) for name in names], None)


def test_credentials_show_nothing():
    credentials = Credentials({"AWS_SECRET_ACCESS_KEY": "very secret"})
    assert "secret" not in f"{credentials!r} {credentials}"
    assert dict(credentials) == {"AWS_SECRET_ACCESS_KEY": "very secret"}
