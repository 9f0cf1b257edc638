"""The API under requests that schemathesis makes from its document, each operation alone and in sequences.

    python tests/fuzzing.py [--examples 100] [--seed 1] [--signed-in]

says how many requests were answered, and whatever answer was a 5xx, or not what the document says.
"""

import argparse
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import schemathesis
from flask_openapi3.openapi import OpenAPI
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from indexer.pipeline import IndexRun
from people import add_people
from searcher import Library, credentials
from webui.app import create_app

PHOTOS = Path(__file__).parent.parent / "demo" / "photos"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
PHASES = ("coverage", "fuzzing", "stateful")


@dataclass
class Found:
    """How many requests were answered how, for each operation; and what was wrong, each once."""

    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: dict[str, None] = field(default_factory=dict)


def fuzz(app: OpenAPI, examples: int, seed: int, key: str | None = None, phases: Sequence[str] = PHASES) -> Found:
    """Ask an application, with `examples` requests for each operation and as many sequences.

    Each request shows the `key` of an account, if there is one. Of the `phases` coverage makes requests from every
    bound in the document, fuzzing makes any, and stateful makes sequences, which go on with what was answered.
    """
    config = schemathesis.Config.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "generation": {"max-examples": examples, "deterministic": True, "no-shrink": True, "database": "none"},
            "checks": {"enabled": False, **{check: {"enabled": True} for check in CHECKS}},
            "phases": {"enabled": False, **{phase: {"enabled": True} for phase in phases}},
        }
    )
    with app.app_context():
        schema = schemathesis.openapi.from_dict(app.api_doc, config=config)
    schema.app = app
    schema.location = "/api/openapi.json"
    found = Found()
    for event in from_schema(schema).execute():
        if isinstance(event, FatalError | NonFatalError):
            found.wrong[f"{getattr(event, 'label', '')} {event}"] = None
        if isinstance(event, ScenarioFinished):
            _look(found, event)
    return found


def _look(found: Found, event: ScenarioFinished) -> None:
    recorder = event.recorder
    labels = {name: node.value.operation.label for name, node in recorder.cases.items()}
    for name, interaction in recorder.interactions.items():
        if interaction.response is not None:
            found.answered[labels[name], interaction.response.status_code] += 1
    for name, checks in recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE:
                failure = check.failure_info
                said = f"{failure.failure.title}: {failure.failure.message}"
                found.wrong[f"{labels[name]}: {said}\n{failure.code_sample}"] = None


def small_library(folder: Path, count: int = 4) -> Library:
    """A library of some photos."""
    (folder / "pictures").mkdir()
    for photo in sorted(PHOTOS.rglob("*.jpg"))[:count]:
        shutil.copy(photo, folder / "pictures")
    library = Library(folder / "library", create=True)
    for _ in IndexRun(library, [folder / "pictures"]):
        pass
    return library


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="requests of each operation, and sequences")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--signed-in", action="store_true", help="with accounts, as an editor, by a key")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, small_library(Path(folder)) as library:
        key = None
        if given.signed_in:
            key = credentials.make_key(library, add_people(library)["editor"], "fuzzing")
        found = fuzz(create_app(library), given.examples, given.seed, key)
    for label in sorted({label for label, _ in found.answered}):
        codes = ", ".join(f"{code}: {count}" for (one, code), count in sorted(found.answered.items()) if one == label)
        print(f"{label}: {codes}")
    print(f"{found.answered.total()} requests, {len(found.wrong)} answers wrong")
    for wrong in found.wrong:
        print(wrong)


if __name__ == "__main__":
    main()
