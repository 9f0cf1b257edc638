"""Addresses: what they ask to see, and those of what is one step away."""

import pytest
from flask import url_for

from searcher import Library
from webui.app import create_app
from webui.chips import changed_query, chips
from webui.formats import quoted
from webui.view import View


@pytest.mark.parametrize(
    "address",
    ["/", "/?q=a+cat&page=3", "/?q=a+cat+like:1&off=0,1&w=1:0.5&by=moment&all=1", "/?q=a+cat&w=0:2"],
)
def test_an_address_and_its_view_are_the_same(demo_library: Library, address: str) -> None:
    with create_app(demo_library).test_request_context(address):
        assert url_for("search.search", **View.of_request().link()) == address


def test_another_view_begins_at_its_first_page(demo_library: Library) -> None:
    with create_app(demo_library).test_request_context("/?q=a+cat&page=3"):
        assert View.of_request().link(everything=True) == {"q": "a cat", "all": 1}


@pytest.mark.parametrize(
    ("q", "place", "left"),
    [
        ('a  cat "ice cream" path:photos', 0, '"ice cream" path:photos'),
        ('a  cat "ice cream" path:photos', 1, "a cat path:photos"),
        ('a  cat "ice cream" path:photos', 2, 'a cat "ice cream"'),
        ("a cat without a dog, like:12 like:1", 1, "a cat without a dog, like:1"),
        ("a cat path:photos and a dog", 0, "path:photos"),
        ("like:12 -like:1^0.5", 1, "like:12"),
        ("a cat", 0, ""),
    ],
)
def test_a_part_is_taken_out_of_the_query(demo_library: Library, q: str, place: int, left: str) -> None:
    with create_app(demo_library).test_request_context("/", query_string={"q": q}):
        view = View.of_request()
        dropped = chips(demo_library, view)[place].dropped
        rest = [part for i, part in enumerate(view.plan.parts) if i != place]
        assert dropped.q == left
        assert list(dropped.plan.parts) == rest


def test_what_was_changed_stays_with_its_part(demo_library: Library) -> None:
    # "without a dog" is understood of plain words, so it comes after all that is typed as such.
    with create_app(demo_library).test_request_context("/?q=a+cat+path:photos+without+a+dog&off=1&w=2:0.5"):
        view = View.of_request()
        assert [part.kind for part in view.plan.parts] == ["text", "where", "not"]
        more = view.with_term("type:jpeg")
        assert [(part.value, part.on, part.weight) for part in more.plan.parts] == [
            ("a cat", True, 1),
            ("path:photos", False, 1),
            ("type:jpeg", True, 1),
            ("a dog", True, 0.5),
        ]
        less = chips(demo_library, view)[0].dropped
        assert [(part.value, part.on, part.weight) for part in less.plan.parts] == [
            ("path:photos", False, 1),
            ("a dog", True, 0.5),
        ]


def test_weights_are_halved_and_doubled(demo_library: Library) -> None:
    with create_app(demo_library).test_request_context("/?q=a+cat+-like:1^0.75+-dog"):
        text, like, unwanted = chips(demo_library, View.of_request())
        assert {size: dict(view.weights) for size, view in text.weighed.items()} == {
            0.5: {0: 0.5},
            1.0: {0: 1.0},
            2.0: {0: 2.0},
        }
        assert [view.weights[1] for view in like.weighed.values()] == [-0.5, -0.75, -1.0, -2.0]
        assert list(unwanted.weighed) == [0.5, 1.0]
    with create_app(demo_library).test_request_context("/?q=a+cat+path:photos"):
        assert not any(chip.weighed for chip in chips(demo_library, View.of_request()))


def test_what_was_changed_stays_where_another_query_has_the_same_part(demo_library: Library) -> None:
    with create_app(demo_library).test_request_context("/?q=path:photos+a+cat+-dog&off=1,2&w=0:2"):
        view = View.of_request().after("a cat path:photos -dog")
        assert [(part.value, part.on, part.weight) for part in view.plan.parts] == [
            ("path:photos", False, 1),
            ("a cat", True, 2),
            ("dog", False, 1),
        ]
        other = View.of_request().after("a cow path:animals -dog")
        assert (other.off, other.weights) == ({2}, {})


def test_a_changed_query_says_what_was_changed(demo_library: Library) -> None:
    for address, query in [
        ("/?q=photos+of+a+cat", "photos of a cat"),
        ("/?q=a+cat+path:photos+-dog&off=1&w=0:2", "(a cat)^2 -dog"),
    ]:
        with create_app(demo_library).test_request_context(address):
            assert changed_query(demo_library, View.of_request()) == query


@pytest.mark.parametrize(
    ("term", "typed"),
    [
        ("tag:dog", "tag:dog"),
        ("place:New York", 'place:"New York"'),
        ('camera:the "best"', 'camera:“the "best"”'),
        ("date:2019..2021-06", "date:2019..2021-06"),
    ],
)
def test_values_with_spaces_are_quoted(demo_library: Library, term: str, typed: str) -> None:
    assert quoted(term) == typed
    assert [part.value for part in demo_library.plan(typed).parts] == [term]
