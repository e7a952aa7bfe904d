"""Make, change and archive segments. A rule is never changed: saving another one adds a version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Department, User
from accounts.permissions import require
from marketing.lib.errors import MoveRefused, UserError

from .catalogue import catalogue
from .counting import Count, count
from .models import Segment, Version
from .rules import Rule, dump, parse, rule_hash

LONGEST_NAME = 80
LONGEST_NOTE = 300


@transaction.atomic
def create_segment(
    *, name: str, rule: Any, by: User, at: datetime, note: str = "", department: Department | None = None
) -> Segment:
    """Make a segment with its first version; `rule` is decoded JSON.

    A department's staff make it for their own department; bank-wide roles name one.
    """
    require(by, "segments.edit")
    parsed = parse(rule, catalogue())
    segment = Segment(
        name=_checked_name(name), note=_checked_note(note), department=_owner(by, department), owner=by, created_at=at
    )
    _save_named(segment)
    audit.record(action="segment.create", by=by, at=at, on=segment, detail={"rule": dump(parsed)})
    _add_version(segment, parsed, by, at)
    return segment


@transaction.atomic
def save_segment(*, segment: Segment, name: str, note: str, rule: Any, by: User, at: datetime) -> Version:
    """Save name, note and rule together; return the newest version, which is a new one only if the rule changed."""
    held = _hold(segment, by)
    name, note = _checked_name(name), _checked_note(note)
    if (held.name, held.note) != (name, note):
        before = {"name": held.name, "note": held.note}
        held.name, held.note = name, note
        _save_named(held, ["name", "note"])
        audit.record(action="segment.rename", by=by, at=at, on=held, detail={"before": before})
    return save_version(segment=held, rule=rule, by=by, at=at)


@transaction.atomic
def save_version(*, segment: Segment, rule: Any, by: User, at: datetime) -> Version:
    """Add a version with this rule and return it; return the newest one when it says the same."""
    held = _hold(segment, by)
    parsed = parse(rule, catalogue())
    latest = held.latest
    if latest is not None and latest.rule_hash == rule_hash(parsed):
        return latest
    return _add_version(held, parsed, by, at, number=latest.number + 1 if latest else 1)


@transaction.atomic
def archive(*, segment: Segment, by: User, at: datetime) -> None:
    """Take a segment out of the lists; its versions and snapshots stay for what was built on them."""
    _require_own(segment, by)
    if not Segment.objects.filter(pk=segment.pk, archived_at=None).update(archived_at=at):
        raise MoveRefused(_("This segment is archived already."))
    audit.record(action="segment.archive", by=by, at=at, on=segment)


def _add_version(segment: Segment, rule: Rule, by: User, at: datetime, number: int = 1) -> Version:
    counted = _count_if_data(rule, by)
    version = Version.objects.create(
        segment=segment,
        number=number,
        rule=dump(rule),
        rule_hash=rule_hash(rule),
        size=counted.size if counted else None,
        as_of=counted.as_of if counted else None,
        created_by=by,
        created_at=at,
    )
    detail = {"version": number, "rule_hash": version.rule_hash, "rule": version.rule, "size": version.size}
    audit.record(action="segment.version", by=by, at=at, on=segment, detail=detail)
    return version


def _count_if_data(rule: Rule, by: User) -> Count | None:
    """Count for the record; a rule may be written before the first data, or an attribute's first values, arrive."""
    try:
        return count(rule, by)
    except UserError:
        return None


def _hold(segment: Segment, by: User) -> Segment:
    """Lock the segment's row, so that two savers do not both add the same version number."""
    _require_own(segment, by)
    held = Segment.objects.select_for_update().get(pk=segment.pk)
    if held.archived_at is not None:
        raise MoveRefused(_("This segment is archived; make a new one from its rule."))
    return held


def _require_own(segment: Segment, by: User) -> None:
    require(by, "segments.edit")
    if not Segment.objects.visible_to(by).filter(pk=segment.pk).exists():
        raise PermissionDenied(_("This segment belongs to another department."))


def _owner(by: User, department: Department | None) -> Department:
    if by.is_bank_wide:
        if department is None:
            sentence = _("Choose the department this segment is for.")
            raise UserError(sentence, fields={"department": sentence})
        return department
    if by.department is None or (department is not None and department.pk != by.department_id):
        raise PermissionDenied(_("You can make segments for your own department only."))
    return by.department


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise _wrong("name", _("Give the segment a name."))
    if len(name) > LONGEST_NAME:
        raise _wrong("name", _("The name is too long; use at most {most} characters.").format(most=LONGEST_NAME))
    return name


def _checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise _wrong("note", _("The note is too long; use at most {most} characters.").format(most=LONGEST_NOTE))
    return note


def _wrong(field: str, sentence: str) -> UserError:
    return UserError(sentence, fields={field: sentence})


def _save_named(segment: Segment, fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            segment.save(update_fields=fields)
    except IntegrityError as error:
        if "segment_name_once" not in str(error):
            raise
        sentence = _("Your department already has a segment with this name; choose another name.")
        raise _wrong("name", sentence) from None
