"""Files that could not be indexed, by reason, as the catalog knows them."""

from dataclasses import dataclass

from sqlalchemy import func, select

from searcher import Library, database
from searcher.catalog import File
from searcher.elsewhere import Where

_REASONS = 50
_FILES = 100
_PAGE = 200  # files


@dataclass(frozen=True)
class Refused:
    """How many files were refused for a reason, and the first of them by their paths."""

    reason: str
    count: int
    paths: list[Where]


def refused(library: Library) -> list[Refused]:
    """The reasons for which files that are there were refused, the most frequent first."""
    there = File.reason.is_not(None), File.missing_since.is_(None)
    count = func.count()
    reasons = select(File.reason, count).where(*there).group_by(File.reason).order_by(count.desc(), File.reason)
    with database.session(library.engine) as session:
        return [
            Refused(
                reason or "",
                times,
                [
                    file.path
                    for file in session.scalars(
                        select(File).where(*there, File.reason == reason).order_by(File.folder, File.name).limit(_FILES)
                    )
                ],
            )
            for reason, times in session.execute(reasons.limit(_REASONS)).all()
        ]


def refused_files(library: Library, reason: str, page: int) -> tuple[list[Where], bool]:
    """A page, counted from 1, of the files refused for a reason by their paths, and whether another follows."""
    there = File.reason == reason, File.missing_since.is_(None)
    some = select(File).where(*there).order_by(File.folder, File.name).offset((page - 1) * _PAGE).limit(_PAGE + 1)
    with database.session(library.engine) as session:
        paths = [file.path for file in session.scalars(some)]
    return paths[:_PAGE], len(paths) > _PAGE
