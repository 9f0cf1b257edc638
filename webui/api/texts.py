"""JSON that is sent and read: UTF-8, whatever bytes a file name holds."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, BeforeValidator, StringConstraints

from webui.formats import printable

Shown = Annotated[str, BeforeValidator(printable)]
# Half a surrogate pair, which JSON can write, is refused too where the length is looked at.
Text = Annotated[str, StringConstraints(max_length=10_000)]


def told(said: BaseModel, status: int = 200, **headers: str) -> Response:
    """An answer that tells something."""
    return Response(said.model_dump_json(), status, headers, mimetype="application/json")
