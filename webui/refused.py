"""Files that could not be indexed, by reason, as the catalog knows them."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from searcher import Library, database
from searcher.catalog import File

_REASONS = 50
_FILES = 100


@dataclass(frozen=True)
class Refused:
    """How many files were refused for a reason, and the first of them by their paths."""

    reason: str
    count: int
    paths: list[Path]


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
