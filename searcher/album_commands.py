"""The verbs that keep what people say: albums, saved searches, and captions and tags of theirs."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from searcher.options import library_option, model_option
from vlm.console import emit, json_option, note, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.albums import AlbumInfo
    from searcher.library import Library
    from searcher.results import Photo

_search_option = click.option("--search", "query", help="What this search finds now.")
_ids_option = click.option("--ids", metavar="1,2,3", help="Photos by their ids, which search --json gives.")


@click.group(invoke_without_command=True, epilog='Example: askpix albums make "Summer in Lyon"')
@library_option
@model_option
@json_option
@click.pass_context
def albums(context: click.Context, library: Path | None, model: str | None, as_json: bool) -> None:
    """List albums and saved searches; both are searched in with album:NAME.

    An album holds the photos that are put into it, a saved search those that its query finds at any time.
    """
    verb = context.invoked_subcommand
    if verb is None:
        _list(library, model, as_json)
    elif any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in context.params):
        # What comes before the verb would not reach it, and another library would be written into.
        raise AskpixError(f"flags come after the verb: askpix albums {verb} …")


@albums.command(epilog='Example: askpix albums make "Good dogs" --query "a dog rating:>=4"')
@click.argument("name")
@click.option("--query", help="Makes it a saved search, which holds what this finds at any time.")
@library_option
@model_option
@json_option
def make(name: str, query: str | None, library: Path | None, model: str | None, as_json: bool) -> None:
    """Make the album NAME, empty, or a saved search."""
    from searcher.albums import make_album

    with _open(library, model) as opened:
        _print_album(make_album(opened, name, query), as_json)


@albums.command(epilog='Example: askpix albums add "Summer in Lyon" --search "in Lyon last summer"')
@click.argument("name")
@_search_option
@_ids_option
@library_option
@model_option
@json_option
def add(name: str, query: str | None, ids: str | None, library: Path | None, model: str | None, as_json: bool) -> None:
    """Put photos into the album NAME."""
    from searcher.albums import add_to_album

    with _open(library, model) as opened:
        added = add_to_album(opened, name, _chosen(opened, query, ids))
    _print_done({"album": name, "added": added}, f"{added} added to {name}", as_json)


@albums.command(epilog='Example: askpix albums remove "Summer in Lyon" --ids 12,15')
@click.argument("name")
@_search_option
@_ids_option
@library_option
@model_option
@json_option
def remove(
    name: str, query: str | None, ids: str | None, library: Path | None, model: str | None, as_json: bool
) -> None:
    """Take photos out of the album NAME; they stay in the library."""
    from searcher.albums import remove_from_album

    with _open(library, model) as opened:
        removed = remove_from_album(opened, name, _chosen(opened, query, ids))
    _print_done({"album": name, "removed": removed}, f"{removed} removed from {name}", as_json)


@albums.command(epilog='Example: askpix albums rename "Summer in Lyon" "Lyon 2023"')
@click.argument("name")
@click.argument("new")
@library_option
@json_option
def rename(name: str, new: str, library: Path | None, as_json: bool) -> None:
    """Give the album NAME another name."""
    from searcher.albums import rename_album

    with _open(library) as opened:
        _print_album(rename_album(opened, name, new), as_json)


@albums.command(epilog='Example: askpix albums delete "Summer in Lyon"')
@click.argument("name")
@library_option
@json_option
def delete(name: str, library: Path | None, as_json: bool) -> None:
    """Delete the album NAME; its photos stay in the library."""
    from searcher.albums import delete_album

    with _open(library) as opened:
        delete_album(opened, name)
    _print_done({"deleted": name}, f"{name} deleted", as_json)


@click.command(epilog='Example: askpix correct cat.jpg --caption "Minka on the sofa" --tag Minka --untag dog')
@click.argument("image")
@library_option
@click.option("--caption", help="What to say of it, in place of the machine's caption.")
@click.option("--machine-caption", is_flag=True, help="Take your caption back, so that the machine's is shown again.")
@click.option("--tag", "add", multiple=True, metavar="NAME", help="Give it a tag; may be repeated.")
@click.option("--untag", "remove", multiple=True, metavar="NAME", help="Take a tag away; may be repeated.")
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="NAME=TEXT",
    help="Its answer in the column NAME, in place of the machine's; without TEXT the machine's again.",
)
@json_option
def correct(
    image: str,
    library: Path | None,
    caption: str | None,
    machine_caption: bool,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    answers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Correct what is written about IMAGE, a photo of the library by its path or id.

    Your words count before any model's and stay when it is indexed again. The file itself is not changed.
    """
    from searcher import database
    from searcher.columns import answers_of, correct_answer
    from searcher.corrections import correct_caption, correct_tags

    if caption is not None and machine_caption:
        raise AskpixError("give either --caption or --machine-caption, not both")
    if caption is None and not (machine_caption or add or remove or answers):
        raise AskpixError("nothing to correct; give --caption, --machine-caption, --tag, --untag or --answer")
    if wrong := next((one for one in answers if "=" not in one), None):
        raise AskpixError(f"--answer {wrong} is to be a column and the answer, for example: has_dog=yes")
    with _open(library) as opened:
        photo = _photo(opened, image)
        if add or remove:
            correct_tags(opened, photo.id, add, remove)
        if caption is not None or machine_caption:
            correct_caption(opened, photo.id, caption)
        for name, _, text in (one.partition("=") for one in answers):
            correct_answer(opened, photo.id, name, text or None)
        photo = opened.photo(photo.id) or photo
        with database.session(opened.engine) as session:
            told = answers_of(session, [photo.id])[photo.id]
    if as_json:
        written = {"caption": photo.caption, "captioner": photo.captioner, "tags": photo.tags}
        emit({"id": photo.id, "path": str(photo.path), **written, **({"answers": told} if told else {})})
    else:
        said = "".join(f"  {name}: {text}" for name, text in told.items())
        say(f"{photo.path}: {photo.caption or ''}  [{', '.join(photo.tags)}]{said}")


def _list(library: Path | None, model: str | None, as_json: bool) -> None:
    from searcher.albums import albums as listed

    with _open(library, model) as opened:
        some = listed(opened)
    if not some:
        note('there are no albums; make one with: askpix albums make "Summer in Lyon"')
    for album in some:
        _print_album(album, as_json)


def _open(library: Path | None, model: str | None = None) -> "Library":
    from searcher.library import Library
    from searcher.settings import load_settings

    return Library(settings=load_settings(library=library, model=model))


def _chosen(library: "Library", query: str | None, ids: str | None) -> Sequence[int]:
    from searcher.library import MOST_SAVED

    if (query is None) == (ids is None):
        raise AskpixError("which photos? Say so with either --search or --ids")
    if query is not None:
        return [hit.photo.id for hit in library.search(query, k=MOST_SAVED)]
    try:
        return [int(one) for one in str(ids).split(",")]
    except ValueError as error:
        raise AskpixError(f"--ids {ids} is to be ids with commas between, for example: 1,2,3") from error


def _photo(library: "Library", image: str) -> "Photo":
    """The photo of a path, or of an id where no file has it as its name."""
    from searcher import database
    from searcher.corrections import image_at

    with database.session(library.engine) as session:
        number = image_at(session, Path(image)) or (int(image) if image.isdecimal() else None)
    photo = None if number is None else library.photo(number)
    if photo is None:
        raise AskpixError(
            f"{image} is no photo of this library; index it first, or give an id that search --json gives"
        )
    return photo


def _print_album(album: "AlbumInfo", as_json: bool) -> None:
    if as_json:
        emit(asdict(album))
    else:
        say(
            f"{album.name}  {album.count} photo{'s' * (album.count != 1)}"
            + (f"  (finds {album.query})" if album.query else "")
        )


def _print_done(record: dict[str, object], told: str, as_json: bool) -> None:
    if as_json:
        emit(record)
    else:
        note(told)
