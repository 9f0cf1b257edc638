"""What a browser is called by people, told from what it calls itself."""

from flask_babel import gettext as _

# Most of them call themselves by the names of others too, so the first that fits is right.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Vivaldi/": "Vivaldi",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "Mac",
    "CrOS": "Chrome OS",
    "Linux": "Linux",
}


def browser(agent: str) -> str:
    """A browser's name, and that of the system where both are known."""
    name = next((called for mark, called in _BROWSERS.items() if mark in agent), None)
    system = next((called for mark, called in _SYSTEMS.items() if mark in agent), None)
    if name is None:
        return agent or _("an unknown browser")
    return _("%(name)s on %(system)s", name=name, system=system) if system else name
