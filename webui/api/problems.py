"""What goes wrong below /api, told as problem details (RFC 9457)."""

from http import HTTPStatus

from flask import Response, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from vlm.errors import AskpixError
from webui.api.texts import Shown

BELOW = "/api/"
_TOLD = {
    404: "There is nothing at this address; /api/openapi.json says what there is.",
    500: "Something broke on our side; the log says what.",
}


class Fault(BaseModel):
    """What is wrong with one part of a request."""

    where: Shown = Field(description="The parameter or field, such as k or plan.0.kind.")
    what: Shown


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str = Field(description="The name of the status.")
    status: int
    detail: Shown = Field(description="What is wrong, and how to mend it.")
    errors: list[Fault] | None = Field(default=None, description="For 422: what is wrong, part by part.")


def concerns_api() -> bool:
    """Whether the request is one for the API, whose errors are problems rather than pages."""
    return request.path.startswith(BELOW)


def mistaken(error: AskpixError) -> Response:
    """The problem of something that the user can mend."""
    return problem(400, str(error))


def failed(error: HTTPException) -> Response:
    """The problem of any other error, with the headers that it brings, such as Allow."""
    code = error.code or 500
    own = error.description != type(error).description and code < 500
    response = problem(code, (error.description if own else _TOLD.get(code, error.description)) or error.name)
    response.headers.extend((k, v) for k, v in error.get_headers() if k.lower() != "content-type")
    return response


def invalid(error: ValidationError) -> Response:
    """The problem of a request whose parameters or fields are not what they must be."""
    faults = [
        Fault(where=".".join(map(str, fault["loc"])) or "body", what=fault["msg"].removeprefix("Value error, "))
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return problem(422, "; ".join(f"{fault.where}: {fault.what}" for fault in faults), faults)


def problem(status: int, detail: str, faults: list[Fault] | None = None) -> Response:
    """An answer that tells a problem."""
    said = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=faults)
    return Response(said.model_dump_json(exclude_none=True), status, content_type="application/problem+json")
