"""The page of the experiments says what their results say."""

import pytest

import page


def test_the_tables_of_the_page_are_those_of_the_results():
    text = page.PAGE.read_text("utf-8")
    assert page.filled(text) == text


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(ValueError, match="no one place for the table checks"):
        page.filled("# The experiments")


def test_tables_have_a_line_of_names_and_cells_that_may_be_empty():
    assert page.table(["", "a"], [["b", ""]]) == "| | a |\n| --- | --- |\n| b | |\n"
