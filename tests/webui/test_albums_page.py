"""The page of albums and saved searches."""

import pytest
from flask.testing import FlaskClient

from searcher import Library
from searcher.albums import add_to_album, make_album


def test_albums_are_listed_with_what_they_hold(own_client: FlaskClient, own_library: Library) -> None:
    assert "No albums yet" in own_client.get("/albums").text
    make_album(own_library, "Two of them")
    add_to_album(own_library, "Two of them", [1, 2])
    saved = make_album(own_library, "Cats", "a cat")
    make_album(own_library, "None")
    html = own_client.get("/albums").text
    assert html.index("Cats") < html.index("None") < html.index("Two of them")
    assert 'href="/?q=album:%22Two+of+them%22"' in html
    assert "2 photos" in html and "0 photos" in html
    assert f'{saved.count} photo{"s" if saved.count != 1 else ""}, found by <a href="/?q=a+cat">a cat</a>' in html
    assert html.count('class="blank"') == 1


def test_a_saved_search_that_finds_nothing_any_more_is_still_listed(
    own_client: FlaskClient, own_library: Library
) -> None:
    make_album(own_library, "Gone", "path:no-such-folder")
    assert "0 photos, found by" in own_client.get("/albums").text


@pytest.mark.parametrize(
    ("address", "form", "line"),
    [
        ("/albums", {"name": " "}, "the name of an album has 1 to 100 characters and no quotation marks"),
        ("/albums", {"name": "cats"}, "there is an album &#39;Cats&#39; already; choose another name"),
        ("/albums", {"name": "Red", "query": "colour:red"}, "there is no field &#39;colour&#39;"),
        ("/albums/rename", {"name": "Dogs", "new": "Wolves"}, "there is no album &#39;Dogs&#39;; there are: Cats"),
        ("/albums/delete", {"name": "Dogs"}, "there is no album &#39;Dogs&#39;; there are: Cats"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    own_client: FlaskClient, own_library: Library, address: str, form: dict[str, str], line: str
) -> None:
    make_album(own_library, "Cats")
    answer = own_client.post(address, data=form)
    assert answer.status_code == 400
    assert line in answer.text
