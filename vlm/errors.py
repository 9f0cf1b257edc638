"""The one error a user can cause."""


class AskpixError(Exception):
    """Something the user can mend: one plain sentence saying what is wrong and what to do.

    The command line prints it and exits with 2; the web page shows it. Everything else that is
    raised is a bug and keeps its traceback.
    """


def first_line(error: BaseException) -> str:
    """The first line of what a library says went wrong, not too long, to quote in an AskpixError."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
