"""An error that ended a run is the same error for all who are told of it."""

from burly.exceptions import RunAbortedError, SchemaError
from burly.state.reasons import packed, revive

ERROR = SchemaError("{odd}.csv has no column 'x'", remedy="use {columns} or {header:True}")


def test_an_error_travels_with_its_remedy() -> None:
    arrived = revive(packed(ERROR))
    assert type(arrived) is SchemaError
    assert (str(arrived), arrived.remedy) == (str(ERROR), ERROR.remedy)


def test_what_is_not_ours_ends_the_run_and_keeps_its_words() -> None:
    arrived = revive(packed(KeyError("x")))
    assert (type(arrived), str(arrived)) == (RunAbortedError, "KeyError: 'x'")
    for text in ("[1, 2", '["Path", "x", ""]', '"x"', ""):
        assert str(revive(text)) == text
