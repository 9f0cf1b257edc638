"""The API under requests made from its own document: a seeded share of what tests/fuzzing.py does."""

from pathlib import Path

import pytest

from fuzzing import fuzz, small_library
from people import add_people
from searcher import credentials
from webui.app import create_app


@pytest.mark.parametrize(
    ("who", "examples", "phases"),
    [("anybody", 5, ("fuzzing", "stateful")), ("an editor", 10, ("stateful",)), ("nobody", 2, ("fuzzing",))],
    ids=["anybody", "an editor", "nobody"],
)
def test_no_answer_is_a_fault_or_breaks_the_document(
    tmp_path: Path, who: str, examples: int, phases: tuple[str, ...]
) -> None:
    with small_library(tmp_path, count=2) as library:
        key = None
        if who != "anybody":
            account = add_people(library)["editor"]
            key = credentials.make_key(library, account, "fuzzing") if who == "an editor" else "askpix_wrong"
        found = fuzz(create_app(library), examples, seed=1, key=key, phases=phases)
    assert list(found.wrong) == []
    statuses = {status for _, status in found.answered}
    assert statuses == {401} if who == "nobody" else {200, 404, 422} <= statuses
