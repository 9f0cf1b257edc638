"""Columns: questions whose answers are kept under a name, and what people answer in place of a model."""

from flask import Response, abort
from pydantic import BaseModel, ConfigDict, Field

from searcher import Library
from searcher import columns as kept
from searcher.columns import ColumnInfo
from vlm.errors import AskpixError
from webui.api.photos import PhotoId, known_photo
from webui.api.record import Record, record
from webui.api.texts import Moment, Text, told
from webui.api.topic import topic
from webui.library import current_library

blueprint = topic("columns", "Questions whose answers are kept, for filters such as has_dog:yes.")


class ColumnShown(BaseModel):
    """A question whose answers are kept."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="The name that filters know it by.")
    question: str
    standing: bool = Field(description="Whether new photos are asked as they are indexed.")
    automatic: bool = Field(description="Whether the name was made of the question, since nobody gave it one.")
    photos: int = Field(description="Of how many photos there are answers.")
    by_people: int = Field(description="Of how many photos people answered.")
    models: list[str] = Field(description="Who answered.")
    created_at: Moment


class Columns(BaseModel):
    """All columns, those that people named first."""

    columns: list[ColumnShown]


class Name(BaseModel):
    """Which column."""

    name: str


class ColumnChange(BaseModel):
    """What is to be changed; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = Field(default=None, description="Another name.")
    standing: bool | None = Field(default=None, description="Whether new photos are asked as they are indexed.")


class AnswerOf(BaseModel):
    """Which answer."""

    photo_id: PhotoId = Field(description="A photo's id.")
    name: str = Field(description="A column's name.")


class AnswerByPeople(BaseModel):
    """What people answer."""

    model_config = ConfigDict(extra="forbid")

    answer: Text | None = Field(description="Counts in place of any model's; null takes it back.")


@blueprint.get("/columns", responses={200: Columns, 304: None})
def columns() -> Response:
    """List the questions whose answers are kept."""
    return told(Columns(columns=[_shown(one) for one in kept.columns(current_library())]))


@blueprint.patch("/columns/<name>", responses={200: ColumnShown})
def change_column(path: Name, body: ColumnChange) -> Response:
    """Rename a column, or have new photos asked its question."""
    library, name = current_library(), path.name
    column = _known(library, name)
    if body.standing is not None:
        column = kept.set_standing(library, name, body.standing)
    if body.name is not None:
        column = kept.rename_column(library, name, body.name)
    return told(_shown(column))


@blueprint.delete("/columns/<name>", responses={204: None})
def delete_column(path: Name) -> Response:
    """Forget a question and its answers, also people's."""
    library = current_library()
    kept.delete_column(library, _known(library, path.name).name)
    return Response(status=204)


@blueprint.put("/photos/<int:photo_id>/answers/<name>", responses={200: Record})
def correct_answer(path: AnswerOf, body: AnswerByPeople) -> Response:
    """Answer a column's question about a photo in place of the model."""
    library = current_library()
    known_photo(library, path.photo_id)
    kept.correct_answer(library, path.photo_id, _known(library, path.name).name, body.answer)
    return told(record(library, known_photo(library, path.photo_id)))


def _known(library: Library, name: str) -> ColumnInfo:
    """The column of that name; answers 404 if there is none."""
    try:
        return kept.column(library, name)
    except AskpixError as error:
        abort(404, str(error))


def _shown(column: ColumnInfo) -> ColumnShown:
    return ColumnShown.model_validate(column)
