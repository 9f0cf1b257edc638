"""Which of the answers to a question about a photo counts, in SQL: people's, or else the newest; as it is told."""

from sqlalchemy import ColumnElement, Select, case, func, select

from searcher.catalog import PEOPLE, Answer
from searcher.results import UNSURE
from vlm.protocols import CANNOT_TELL


def counting(question_id: int) -> Select[tuple[int, str, float]]:
    """For each image that was asked a question: its id, the answer as it is told, and the confidence.

    An answer that is likely wrong is told as one that cannot be told.
    """
    best_first = (case((Answer.model == PEOPLE, 0), else_=1), Answer.created_at.desc(), Answer.model)
    ranked = (
        select(
            Answer.image_id,
            _told().label("told"),
            Answer.confidence,
            func.row_number().over(partition_by=Answer.image_id, order_by=best_first).label("rank"),
        )
        .where(Answer.question_id == question_id)
        .subquery()
    )
    return select(ranked.c.image_id, ranked.c.told, ranked.c.confidence).where(ranked.c.rank == 1)


def _told() -> ColumnElement[str]:
    return case((Answer.confidence < UNSURE, CANNOT_TELL), else_=Answer.text)
