"""Nothing is changed at the behest of another site's page.

Browsers say themselves where a request comes from, and no page can make them lie: by Sec-Fetch-Site, or, on plain HTTP
beyond loopback, by Origin. What says neither is no browser's, and bears nobody's session. It is what Go's
net/http.CrossOriginProtection does.
"""

from flask import abort, request

_READING = {"GET", "HEAD", "OPTIONS"}


def refuse_other_sites() -> None:
    """Refuse a request to change something (403) that a page of another origin made the browser send."""
    if request.method in _READING:
        return
    if site := request.headers.get("Sec-Fetch-Site"):
        own = site in {"same-origin", "none"}
    else:
        origin = request.headers.get("Origin")
        own = origin is None or origin.partition("://")[2] == request.host
    if not own:
        abort(403, "This was asked for by a page of another site.")
