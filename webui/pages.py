"""All the pages, for the application to serve."""

from flask import Flask

from webui import albums_page, formats, photo_page, runs_page, search_page


def add_pages(app: Flask) -> None:
    """Have an application serve them."""
    for page in (search_page, photo_page, albums_page, runs_page):
        app.register_blueprint(page.blueprint)
    formats.add_formats(app)
