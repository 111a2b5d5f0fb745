"""What a program that runs notebooks keeps of sessions, and what nbconvert shows of it."""

import pytest

from tests.notebook.exports import ENDED, RESULT, RUNNING, executed, html_page

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    return executed(tmp_path_factory.mktemp("export"))


def output_of(notebook, cell):
    (output,) = notebook.cells[cell].outputs
    return output.data


def test_a_notebook_keeps_text_and_a_still_picture_of_a_session_and_no_widget(notebook):
    for cell in (RUNNING, ENDED):
        assert set(output_of(notebook, cell)) == {"text/plain", "text/html"}


def test_the_picture_of_an_ended_session_is_its_last_and_that_of_a_running_one_as_of_the_last_cell(
    notebook,
):
    running, ended = (
        output_of(notebook, RUNNING)["text/html"],
        output_of(notebook, ENDED)["text/html"],
    )

    assert "Buyer on paper</span> · running when this was saved" in running
    assert "Buyer on paper</span> · stopped" in ended
    assert "Last bar</span> 2000-12-29 21:00" in ended
    assert all(
        "data:image/svg+xml" in picture and "<b>Positions</b>" in picture
        for picture in (running, ended)
    )


def test_nbconvert_shows_the_pictures_and_needs_no_widget(notebook):
    page = html_page(notebook)

    assert page.count("Buyer on paper") == 2
    assert page.count('src="data:image/svg+xml,') == 3
    assert '<script type="application/vnd.jupyter.widget-view+json">' not in page
    assert "<svg" in output_of(notebook, RESULT)["text/html"]
