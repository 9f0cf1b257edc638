"""Albums that people fill, and saved searches."""

import pytest
from sqlalchemy import update

from searcher import Library, database
from searcher.albums import (
    AlbumInfo,
    add_to_album,
    albums,
    delete_album,
    make_album,
    remove_from_album,
    rename_album,
)
from searcher.catalog import Album, File, now
from searcher.corrections import correct_tags
from support import Askpix, records
from vlm.errors import AskpixError


def found(library: Library, query: str) -> set[int]:
    return {hit.photo.id for hit in library.search(query, k=1000)}


def test_an_album_is_filled_searched_and_emptied(demo_copy: Library) -> None:
    made = make_album(demo_copy, " Summer in Lyon ")
    assert made == AlbumInfo(made.id, "Summer in Lyon", None, 0)
    assert add_to_album(demo_copy, "summer in lyon", [3, 1, 2, 1]) == 3
    assert add_to_album(demo_copy, "Summer in Lyon", [2, 4]) == 1
    assert found(demo_copy, 'album:"summer in Lyon"') == {1, 2, 3, 4}
    assert found(demo_copy, '-album:"Summer in Lyon"').isdisjoint({1, 2, 3, 4})
    assert remove_from_album(demo_copy, "Summer in Lyon", [1, 40]) == 1
    assert albums(demo_copy) == [AlbumInfo(made.id, "Summer in Lyon", None, 3)]
    delete_album(demo_copy, "Summer in Lyon")
    assert albums(demo_copy) == []
    assert demo_copy.photo(2)


def test_a_saved_search_holds_what_it_finds_now(demo_copy: Library) -> None:
    cats = found(demo_copy, "tag:cat")
    other = next(hit.photo.id for hit in demo_copy.browse() if hit.photo.id not in cats)
    assert make_album(demo_copy, "Cats", "tag:cat").count == len(cats)
    correct_tags(demo_copy, other, add=["cat"])
    assert found(demo_copy, "album:Cats") == found(demo_copy, "-(a red car) album:cats") == cats | {other}
    assert [album.count for album in albums(demo_copy)] == [len(cats) + 1]
    by_words = make_album(demo_copy, "A few", "a cat")
    assert 0 < by_words.count == len(found(demo_copy, 'album:"a few"')) < demo_copy.count_images()


def test_only_photos_with_a_file_count(demo_copy: Library) -> None:
    make_album(demo_copy, "Both")
    add_to_album(demo_copy, "Both", [1, 2])
    with database.writing(demo_copy.engine) as session:
        session.execute(update(File).where(File.image_id == 1).values(missing_since=now()))
    assert albums(demo_copy)[0].count == 1 == len(found(demo_copy, "album:Both"))


@pytest.mark.parametrize("name", ["", "  ", 'the "best"', "«Été»", "x" * 101, "two\nlines"])
def test_a_name_that_no_query_could_say_is_refused(demo_copy: Library, name: str) -> None:
    with pytest.raises(AskpixError, match="the name of an album has 1 to 100 characters"):
        make_album(demo_copy, name)
    make_album(demo_copy, "x" * 100)
    with pytest.raises(AskpixError, match="the name of an album has 1 to 100 characters"):
        rename_album(demo_copy, "x" * 100, name)


def test_a_name_is_given_once_whatever_its_case(demo_copy: Library) -> None:
    make_album(demo_copy, "Dogs")
    make_album(demo_copy, "Cats")
    for attempt in (lambda: make_album(demo_copy, "dogs"), lambda: rename_album(demo_copy, "Cats", "DOGS")):
        with pytest.raises(AskpixError, match="there is an album 'Dogs' already"):
            attempt()
    assert rename_album(demo_copy, "Dogs", "DOGS").name == "DOGS"
    assert [album.name for album in albums(demo_copy)] == ["Cats", "DOGS"]


def test_what_cannot_be_done_says_why(demo_copy: Library) -> None:
    make_album(demo_copy, "Dogs", "a dog")
    make_album(demo_copy, "Empty")
    with pytest.raises(AskpixError, match="there is no album 'Cats'; there are: Dogs, Empty"):
        delete_album(demo_copy, "Cats")
    with pytest.raises(AskpixError, match="'Dogs' is a saved search"):
        add_to_album(demo_copy, "dogs", [1])
    with pytest.raises(AskpixError, match="no photo with the id 9999"):
        add_to_album(demo_copy, "Empty", [1, 9999])
    with pytest.raises(AskpixError, match="asks for an album, which a saved search cannot"):
        make_album(demo_copy, "Dogs of dogs", "album:Dogs")
    with pytest.raises(AskpixError, match="there is no field 'colour'"):
        make_album(demo_copy, "Red", "colour:red")
    assert [(album.name, album.count > 0) for album in albums(demo_copy)] == [("Dogs", True), ("Empty", False)]


def test_a_saved_search_that_cannot_be_carried_out_is_listed(demo_copy: Library) -> None:
    with database.writing(demo_copy.engine) as session:
        session.add(Album(name="Gone", query="has_dog:yes"))
    assert [(album.name, album.count) for album in albums(demo_copy)] == [("Gone", 0)]
    with pytest.raises(AskpixError, match="there is no field 'has_dog'"):
        demo_copy.search("album:Gone")


def test_the_verb(askpix: Askpix, demo_copy: Library) -> None:
    place = ("--library", demo_copy.folder, "--json")
    (made,) = records(askpix("albums", "make", "My cats", *place))
    assert made == {"id": made["id"], "name": "My cats", "query": None, "count": 0}
    assert records(askpix("albums", "add", "My cats", "--ids", "1,2,3", *place)) == [{"album": "My cats", "added": 3}]
    (removed,) = records(askpix("albums", "remove", "My cats", "--search", "is:dated", *place))
    assert removed == {"album": "My cats", "removed": 0}
    assert [album["count"] for album in records(askpix("albums", *place))] == [3]
    taken = askpix("albums", "make", "my cats", *place)
    assert (taken.returncode, taken.stdout) == (2, "")
    assert taken.stderr == "askpix: there is an album 'My cats' already; choose another name\n"
    before = askpix("albums", "--library", demo_copy.folder, "make", "Dogs")
    assert (before.returncode, before.stderr) == (
        2,
        "askpix: flags come after the verb: askpix albums make …\n",
    )
