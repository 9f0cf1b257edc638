"""The one error a user can cause."""


class AskpixError(Exception):
    """Something the user can mend: one plain sentence saying what is wrong and what to do.

    The command line prints it and exits with 2; the web page shows it. Everything else that is
    raised is a bug and keeps its traceback.
    """
