"""Errors that a person can act on."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise


class UserError(Exception):
    """Say in a sentence a clerk understands what happened, what was kept and what to do.

    `fields` maps a form field (or a path in a rule) to its own sentence.
    """

    def __init__(self, message: str | Promise, *, fields: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields or {}

    def __str__(self) -> str:
        return str(self.message)


class MoveRefused(UserError):
    """A state move that is not allowed from where the object stands now (somebody else may have been faster)."""
