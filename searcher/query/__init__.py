"""The query language: one line of words and terms, understood as a plan that is plain data."""

from searcher.query.parser import FIELDS, IS, Known, parse, typed
from searcher.query.plan import Kind, Part, Plan
from searcher.query.spans import rating_span, span

__all__ = ["FIELDS", "IS", "Kind", "Known", "Part", "Plan", "parse", "rating_span", "span", "typed"]
