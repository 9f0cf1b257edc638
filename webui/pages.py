"""All the pages, for the application to serve."""

from flask import Flask

from webui import (
    account_page,
    accounts_page,
    albums_page,
    appearance,
    ask_page,
    captions_page,
    edit_page,
    formats,
    index_page,
    models_page,
    photo_page,
    runs_page,
    search_page,
    selection,
    sign_in,
    suggestions,
    timeline,
)


def add_pages(app: Flask) -> None:
    """Have an application serve them."""
    for page in (
        search_page,
        suggestions,
        timeline,
        selection,
        ask_page,
        photo_page,
        edit_page,
        albums_page,
        captions_page,
        index_page,
        models_page,
        runs_page,
        sign_in,
        account_page,
        accounts_page,
    ):
        app.register_blueprint(page.blueprint)
    formats.add_formats(app)
    appearance.add_appearance(app)
