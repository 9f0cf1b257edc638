"""Databases for tests, in a real PostgreSQL server that they start as an ordinary user, and that ends with them."""

from collections.abc import Iterator

import pytest

from benchmarks.postgres_server import PASSWORD, Server, serving
from searcher.database import open_catalog

__all__ = ["PASSWORD", "Server", "serving"]
_TEMPLATE = "askpix_template"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server for one worker of the tests."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: Server) -> str:
    """The name of a database with an empty catalog, to make others from."""
    open_catalog(postgres.make(_TEMPLATE)).dispose()
    return _TEMPLATE


@pytest.fixture
def postgres_url(postgres: Server, postgres_template: str) -> str:
    """The address of a database with an empty catalog, for one test."""
    return postgres.make(template=postgres_template)
