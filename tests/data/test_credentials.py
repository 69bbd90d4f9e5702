"""What travels to functions of the settings of object stores."""

import json

import pytest

from burly.data.storage import Credentials


@pytest.fixture(autouse=True)
def _settings(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/here/token")
    monkeypatch.setenv("GOOGLE_BASE_URL", "http://127.0.0.1:1")


def test_only_what_the_stores_of_some_places_need_travels():
    assert dict(Credentials.from_environment(["s3://bucket/x"])).keys() >= {"AWS_ACCESS_KEY_ID"}
    assert dict(Credentials.from_environment(["/data/x"])) == {}


def test_names_of_files_here_stay_here():
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in Credentials.from_environment(["s3://bucket/x"])


def test_the_key_of_a_google_service_account_travels_in_place_of_its_file(monkeypatch, tmp_path):
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"type": "service_account", "private_key": "secret"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    found = Credentials.from_environment(["gs://bucket/x"])
    assert found["GOOGLE_SERVICE_ACCOUNT_KEY"] == file.read_text()
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in found
    assert "secret" not in repr(found)


@pytest.mark.parametrize("text", ["no json", '{"type": "authorized_user"}'])
def test_other_files_of_google_neither_travel_nor_fail(monkeypatch, tmp_path, text):
    file = tmp_path / "key.json"
    file.write_text(text)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert set(Credentials.from_environment(["gs://bucket/x"])) == {"GOOGLE_BASE_URL"}
