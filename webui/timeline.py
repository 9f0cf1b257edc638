"""All the photos of a view in one scroll: their list in short, figures as they come into sight, and dates to go to."""

from itertools import groupby
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from searcher import Library, database
from vlm.errors import AskpixError
from webui.chips import chips, marked
from webui.formats import ratio
from webui.found import PAGE, deeper, listed, shown_of
from webui.library import current_library
from webui.months import month_title
from webui.view import View

blueprint = Blueprint("timeline", __name__)

_FIRST, _MORE = 2_000, 20_000  # photos in the first part of a list, which is to come soon, and in others
_FIGURES = 200  # in one answer at most


@blueprint.get("/list.json")
def show_list() -> Response:
    """The photos of a view, or those after the one with the id `after`, with all that their places on a page take.

    `ids`, `ratios` (width over height), `months` (each with its title, and how many of the photos in turn are of it),
    `next`, the id to go on after or null; and of a search `sure`, how likely each is.
    """
    library, view = current_library(), View.of_request()
    if view.ranked:
        return jsonify(_ranked(library, view))
    after = request.args.get("after", type=int)
    most = _FIRST if after is None else _MORE
    with database.session(library.engine) as session:
        in_order = listed(library, session, view)
        found, dated = in_order.after(most, after), in_order.dated
    runs = [(month, len(list(some))) for month, some in groupby(found, lambda one: one.month)]
    return jsonify(
        ids=[one.id for one in found],
        ratios=[float(ratio(one)) for one in found],
        months=[(month, month_title(month) if dated else "", count) for month, count in runs],
        next=found[-1].id if len(found) == most else None,
    )


@blueprint.get("/figures")
def show_figures() -> str:
    """The figures of the photos with the ids `ids`, as their view's page has them; `sure` says how likely each is."""
    library, view = current_library(), View.of_request()
    ids = _numbers("ids")
    sure = dict(zip(ids, _numbers("sure"), strict=False))
    parts = chips(library, view)
    return render_template("figures.html", view=view, shown=shown_of(library, ids), sure=sure, marked=marked(parts))


@blueprint.get("/dates")
def show_dates() -> str:
    """The years and months of a view's photos, each leading to the page that it begins on."""
    view = View.of_request()
    months = []
    before = 0
    for month, count in _months(current_library(), view):
        months.append((month, month_title(month), count, before // PAGE + 1))
        before += count
    years = [(year, list(some)) for year, some in groupby(months, lambda one: one[0][:4])]
    return render_template("dates.html", view=view, years=years)


@blueprint.get("/dates.json")
def list_dates() -> Response:
    """The months of a view's photos in their order, each with its title, and how many are of it."""
    months = _months(current_library(), View.of_request())
    return jsonify([(month, month_title(month), count) for month, count in months])


def _ranked(library: Library, view: View) -> dict[str, Any]:
    hits = [shown.hit for shown in deeper(library, view)]
    return {
        "ids": [hit.photo.id for hit in hits],
        "ratios": [float(ratio(hit.photo)) for hit in hits],
        "sure": [round(100 * hit.confidence) for hit in hits],
        "months": [("", "", len(hits))],
        "next": None,
    }


def _months(library: Library, view: View) -> list[tuple[str, int]]:
    with database.session(library.engine) as session:
        return listed(library, session, view).months()


def _numbers(name: str) -> list[int]:
    """The numbers of an argument; raises AskpixError for what no page has put there."""
    said = request.args.get(name, "")
    try:
        return [int(number) for number in said.split(",") if number][:_FIGURES]
    except ValueError as error:
        raise AskpixError(f"{name}={said} is to be numbers, such as {name}=12,57") from error
