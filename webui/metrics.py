"""What Prometheus is told of a server: requests, the queue, models at work, and the size of the library.

Whoever may look may read it: anybody on this machine while there are no accounts, else who signs in, or a program with
a key. It tells routes and counts, never what was searched or asked. Each server process counts for itself, as
Prometheus has it: the sum over all of them is Prometheus's to make.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from indexer.working import indexing
from searcher import Library
from vlm.errors import AskpixError
from webui.logs import elapsed
from webui.overload import Places

blueprint = Blueprint("metrics", __name__)

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
_COUNTED_FOR = 300  # seconds that a count of all photos is good for, which takes long in a large library
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SEARCHES = {"search.search", "api_search.search", "api_search.search_by_plan", "api_pictures.search_by_picture"}
_QUESTIONS = {"photo.show", "ask.show", "ask.events", "api_questions.ask_photo", "api_questions.ask"}
_BY_ADDRESS = {"search.search": ("q", "picture", "where", "like"), "photo.show": ("question",), "ask.show": ("now",)}


class Metrics:
    """What one process counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        given: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("askpix_requests", "Requests answered.", ["route", "method", "status"], **given)
        self.seconds = Histogram(
            "askpix_request_seconds", "Until an answer began.", ["route"], buckets=_BUCKETS, **given
        )
        self.searches = Counter("askpix_searches", "Searches answered.", **given)
        self.questions = Counter("askpix_questions", "Questions answered, whether to one photo or many.", **given)
        self.models = Counter("askpix_model_seconds", "Seconds that models were at work.", ["work"], **given)
        self.model_calls = Counter("askpix_model_calls", "How often models were put to work.", ["work"], **given)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def note_model(self, work: str, seconds: float) -> None:
        """Count the work of a model."""
        self.models.labels(work).inc(seconds)
        self.model_calls.labels(work).inc()


class _State:
    """What is looked up when Prometheus asks."""

    def __init__(self, library: Library, places: dict[str, Places]) -> None:
        self._library = library
        self._places = places
        self._photos = (float("-inf"), 0)

    def collect(self) -> Iterator[Metric]:
        """The queue, and what the library is."""
        working = GaugeMetricFamily("askpix_requests_working", "Requests at work.", labels=["lane"])
        waiting = GaugeMetricFamily("askpix_requests_waiting", "Requests that wait for a place.", labels=["lane"])
        refused = CounterMetricFamily("askpix_requests_refused", "Requests that found none (503).", labels=["lane"])
        for name, places in self._places.items():
            working.add_metric([name], places.working)
            waiting.add_metric([name], places.waiting)
            refused.add_metric([name], places.refused)
        yield from (working, waiting, refused)
        with suppress(AskpixError):  # a catalog that is away hides nothing else
            yield from self._of_library()

    def _of_library(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("askpix_photos", "Photos that have a file.", self._count())
        yield GaugeMetricFamily("askpix_vectors", "Rows of the encoder's vectors.", self._library.count_vectors())
        yield GaugeMetricFamily("askpix_indexing", "Whether a run is at work.", int(indexing(self._library)))
        about = GaugeMetricFamily("askpix_info", "The version and the model.", labels=["version", "model"])
        about.add_metric([version("askpix"), self._library.settings.model], 1)
        yield about

    def _count(self) -> int:
        counted_at, photos = self._photos
        if time.monotonic() - counted_at > _COUNTED_FOR:
            photos = self._library.count_images()
            self._photos = time.monotonic(), photos
        return photos


def add_metrics(app: Flask, metrics: Metrics | None = None) -> None:
    """Have an application count what it answers in `metrics`, which may count other things as well."""
    counted = app.extensions["metrics"] = metrics or Metrics()
    counted.registry.register(_State(app.extensions["library"], app.extensions["places"]))
    app.after_request(_count)
    app.register_blueprint(blueprint)


@blueprint.get("/metrics")
def show() -> Response:
    """All of it, in the format of Prometheus."""
    counted: Metrics = current_app.extensions["metrics"]
    response = Response(generate_latest(counted.registry), content_type=CONTENT_TYPE_LATEST)
    response.headers["Cache-Control"] = "no-store"
    return response


def _count(response: Response) -> Response:
    counted: Metrics = current_app.extensions["metrics"]
    # Nobody out there is to make up names, each of which would take memory for ever.
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in _METHODS else "other"
    counted.requests.labels(route, method, response.status_code).inc()
    counted.seconds.labels(route).observe(elapsed())
    if response.status_code < 300 and _asks():
        if request.endpoint in _SEARCHES:
            counted.searches.inc()
        elif request.endpoint in _QUESTIONS:
            counted.questions.inc()
    return response


def _asks() -> bool:
    """Whether a page is asked something, rather than for itself alone."""
    fields = _BY_ADDRESS.get(request.endpoint or "")
    return fields is None or any(request.args.get(field) for field in fields)
