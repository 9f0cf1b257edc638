"""What the runs on one library are at, so that none does what another is doing: on PostgreSQL several go at once.

A run claims files before it reads them, contents before it encodes them, and images before it writes about them. What
is done is given back in the same transaction in which it is written down, and a run that is gone has no claims.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, and_, delete, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from indexer.working import alive
from searcher import database
from searcher.catalog import Claim, Run, now
from searcher.portable import each_text, listed

FILES, CONTENTS = "files", "contents"
_OFTEN_S = 0.2
SILENT_S = 30.0  # after which a run that does not show itself is taken to be gone


@dataclass(frozen=True)
class Claims:
    """The claims of one run. There are none on SQLite, where no other is at work."""

    engine: Engine
    run: int

    @database.patiently
    def take(self, work: str, keys: Iterable[str]) -> Collection[str]:
        """Claim what is to be worked at; those of it that are this run's now, or were before."""
        wanted = sorted(set(keys))  # in one order, so that no two wait for each other
        if not wanted:
            return wanted
        new = insert(Claim)
        claimed = (
            new.from_select(["work", "key", "run_id"], select(literal(work), each_text(wanted), literal(self.run)))
            .on_conflict_do_update(
                index_elements=["work", "key"],
                set_={"run_id": new.excluded.run_id},
                where=Claim.run_id == new.excluded.run_id,
            )
            .returning(Claim.key)
        )
        with database.writing(self.engine) as session:
            return set(session.scalars(claimed))

    def give_back(self, session: Session, work: str, keys: Sequence[str]) -> None:
        """What was claimed is done, or left to others, once this is committed."""
        if keys:
            own = Claim.work == work, Claim.run_id == self.run
            session.execute(delete(Claim).where(*own, Claim.key.in_(keys)))

    @database.patiently
    def others(self, work: str) -> int:
        """How many claims other runs have; those of runs that are gone are forgotten first."""
        there = alive(self.engine)
        with database.writing(self.engine) as session:
            # A server that was restarted has forgotten who is alive, until they show themselves again.
            silent = and_(Run.id.not_in(listed(there)), Run.updated_at < now() - timedelta(seconds=SILENT_S))
            gone = select(Run.id).where(Run.id != self.run, or_(Run.finished_at.is_not(None), silent))
            session.execute(delete(Claim).where(Claim.run_id.in_(gone)))
            count = select(func.count()).where(Claim.work == work, Claim.run_id != self.run)
            return session.scalar(count) or 0

    def wait_for_others(self, work: str, longest_s: float) -> None:
        """Give other runs time to be done with what they have claimed."""
        latest = time.monotonic() + longest_s
        while self.others(work) and time.monotonic() < latest:
            time.sleep(_OFTEN_S)

    def end(self, session: Session) -> None:
        """Give back all that this run has."""
        session.execute(delete(Claim).where(Claim.run_id == self.run))
