"""The life of a campaign: which state may follow which. Data, not code; the verbs make the moves.

    draft → in_review → approved → scheduled → running ⇄ paused → finished
    in_review → rejected → draft      any live state → cancelled

A change of what was submitted or approved takes a campaign back to draft: an approval is bound to what was seen.
"""

from __future__ import annotations

DRAFT = "draft"
IN_REVIEW = "in_review"
APPROVED = "approved"
REJECTED = "rejected"
SCHEDULED = "scheduled"
RUNNING = "running"
PAUSED = "paused"
FINISHED = "finished"
CANCELLED = "cancelled"

MOVES: dict[str, frozenset[str]] = {
    DRAFT: frozenset({IN_REVIEW, CANCELLED}),
    IN_REVIEW: frozenset({APPROVED, REJECTED, DRAFT, CANCELLED}),
    REJECTED: frozenset({DRAFT}),
    APPROVED: frozenset({SCHEDULED, DRAFT, CANCELLED}),
    SCHEDULED: frozenset({RUNNING, DRAFT, CANCELLED}),
    RUNNING: frozenset({PAUSED, FINISHED, CANCELLED}),
    PAUSED: frozenset({RUNNING, FINISHED, CANCELLED}),
    FINISHED: frozenset(),
    CANCELLED: frozenset(),
}

STATES = tuple(MOVES)
LIVE = frozenset(state for state, after in MOVES.items() if CANCELLED in after)
EDITABLE = frozenset({DRAFT, REJECTED, IN_REVIEW, APPROVED, SCHEDULED})
SIGNED = frozenset({APPROVED, SCHEDULED, RUNNING, PAUSED, FINISHED})


def allowed(from_: str, to: str) -> bool:
    """Tell whether a campaign in state `from_` may move to `to`; an unknown state may move nowhere."""
    return to in MOVES.get(from_, frozenset())


def sources(to: str) -> frozenset[str]:
    """Return the states from which `to` may be entered: the guard of the UPDATE that makes the move."""
    return frozenset(state for state in MOVES if allowed(state, to))
