"""JSON that is sent and read: UTF-8, whatever bytes a file name holds."""

from datetime import UTC, datetime
from typing import Annotated

from flask import Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, StringConstraints, WithJsonSchema

from webui.formats import printable

Shown = Annotated[str, BeforeValidator(printable)]
# Half a surrogate pair, which JSON can write, is refused too where the length is looked at.
Text = Annotated[str, StringConstraints(max_length=10_000)]


def _in_utc(when: datetime) -> datetime:
    """A time of the catalog, which keeps them in UTC without saying so."""
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
# By a clock whose zone is not known, so that it is no date-time as JSON Schema has it (RFC 3339).
ByTheClock = Annotated[
    datetime, WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$"})
]


def told(said: BaseModel, status: int = 200, **headers: str) -> Response:
    """An answer that tells something."""
    return Response(said.model_dump_json(), status, headers, mimetype="application/json")
