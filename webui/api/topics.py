"""All the topics of the API, for the application to serve."""

from flask_openapi3.openapi import OpenAPI

from webui.api import albums, asking, columns, document, library, photos, search

TOPICS = (
    search.blueprint,
    search.pictures,
    photos.blueprint,
    asking.blueprint,
    columns.blueprint,
    albums.blueprint,
    library.blueprint,
)


def add_api(app: OpenAPI) -> None:
    """Put the API, its document and the page to try it at into an application."""
    for topic in TOPICS:
        app.register_api(topic)
    app.register_blueprint(document.blueprint)
