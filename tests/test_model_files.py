import json

import numpy as np
import pytest

from burly.exceptions import ModelFileError
from burly.model_files import FORMAT, FORMAT_VERSION, ModelFile, read_model, write_model

MODEL = ModelFile("KMeans", {"k": 3, "tol": 1e-4}, {"centres": np.arange(6.0).reshape(3, 2)})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.burly"


def test_a_model_is_read_as_it_was_written(path):
    write_model(path, MODEL)
    model = read_model(path)
    assert (model.kind, model.header["k"], model.header["tol"]) == ("KMeans", 3, 1e-4)
    np.testing.assert_array_equal(model.arrays["centres"], MODEL.arrays["centres"], strict=True)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_ends_early_is_refused(path, share):
    write_model(path, MODEL)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=r"is not a model file of burly"):
        read_model(path)


def test_a_file_with_a_changed_byte_is_refused(path):
    write_model(path, MODEL)
    content = bytearray(path.read_bytes())
    content[content.index(MODEL.arrays["centres"].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"is not a model file of burly"):
        read_model(path)


def test_a_file_without_a_header_is_refused(path):
    with path.open("wb") as file:
        np.savez(file, centres=np.ones(3))
    with pytest.raises(ModelFileError, match=r"is not a model file of burly"):
        read_model(path)


def test_a_file_of_a_later_version_says_so(path):
    with path.open("wb") as file:
        header = {"format": FORMAT, "version": FORMAT_VERSION + 1, "kind": "KMeans"}
        np.savez(file, header=np.array(json.dumps(header)))
    with pytest.raises(ModelFileError, match="later version of burly: upgrade"):
        read_model(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(path):
    with pytest.raises(ModelFileError, match="there is no model file"):
        read_model(path)


def test_a_pickle_in_a_file_is_never_loaded(path):
    with path.open("wb") as file:
        np.savez(file, header=np.array({"format": FORMAT}, dtype=object), allow_pickle=True)
    with pytest.raises(ModelFileError, match=r"is not a model file of burly"):
        read_model(path)
