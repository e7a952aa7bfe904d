"""Segments are made, changed by adding versions, frozen and archived; each step is allowed, audited and complete."""

import hashlib

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction

from accounts import audit
from accounts.models import AuditEntry
from marketing.lib.errors import MoveRefused, UserError
from segments.editing import archive, create_segment, save_segment, save_version
from segments.models import Segment, Snapshot, Version
from segments.rules import RuleError
from segments.snapshots import freeze, live_members, members_with_attributes
from tests.conftest import NOW
from tests.segments.conftest import ADULTS, AS_OF, condition, rule_of
from warehouse import engine
from warehouse.models import Partition

pytestmark = pytest.mark.django_db
TEACHERS = rule_of(condition("job", "eq", "teacher"))


@pytest.fixture
def segment(cast, people):
    return create_segment(name="装修贷潜客", rule=ADULTS, by=cast.marketer, at=NOW)


def test_a_new_segment_has_a_first_version_with_its_size(cast, segment):
    version = segment.latest
    assert (segment.department, segment.owner) == (cast.loan, cast.marketer)
    assert (version.number, version.size, version.as_of, version.rule) == (1, 4, AS_OF, ADULTS)
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["segment.version", "segment.create"]
    assert list(audit.verify()) == []


def test_another_rule_is_another_version_and_the_old_one_stays(cast, segment):
    second = save_version(segment=segment, rule=TEACHERS, by=cast.manager, at=NOW)
    assert (second.number, second.size) == (2, 2)
    assert segment.versions.get(number=1).rule == ADULTS


def test_the_same_rule_spelled_otherwise_is_no_new_version(cast, segment):
    spelled = {"op": "all", "items": [{"value": ["25", "55.0"], "attribute": "age", "op": "between"}]}
    assert save_version(segment=segment, rule=spelled, by=cast.marketer, at=NOW).number == 1
    assert segment.versions.count() == 1


def test_the_database_refuses_to_change_a_version(segment):
    with pytest.raises(DatabaseError), transaction.atomic():
        Version.objects.filter(segment=segment).update(rule=TEACHERS)


def test_a_rename_is_saved_with_the_rule_and_audited(cast, segment):
    save_segment(segment=segment, name="  新  名 ", note="给经理", rule=ADULTS, by=cast.marketer, at=NOW)
    segment.refresh_from_db()
    assert (segment.name, segment.note, segment.versions.count()) == ("新 名", "给经理", 1)
    entry = AuditEntry.objects.get(action="segment.rename")
    assert entry.detail["before"]["name"] == "装修贷潜客"


@pytest.mark.parametrize(("name", "said"), [("", "Give the segment a name."), ("x" * 81, "too long")])
def test_a_wrong_name_is_refused_at_its_field(cast, people, name, said):
    with pytest.raises(UserError, match=said) as caught:
        create_segment(name=name, rule=ADULTS, by=cast.marketer, at=NOW)
    assert list(caught.value.fields) == ["name"]
    assert not Segment.objects.exists()


def test_one_name_once_per_department(cast, segment):
    with pytest.raises(UserError, match="already has a segment with this name"):
        create_segment(name=segment.name, rule=TEACHERS, by=cast.manager, at=NOW)
    create_segment(name=segment.name, rule=TEACHERS, by=cast.card_marketer, at=NOW)


def test_a_wrong_rule_saves_nothing(cast, segment):
    with pytest.raises(RuleError):
        save_segment(segment=segment, name="Other", note="", rule=rule_of(), by=cast.marketer, at=NOW)
    segment.refresh_from_db()
    assert segment.name == "装修贷潜客"


def test_others_may_not_edit(cast, segment):
    for person in (cast.card_marketer, cast.compliance, cast.rm):
        with pytest.raises(PermissionDenied):
            save_version(segment=segment, rule=TEACHERS, by=person, at=NOW)
        with pytest.raises(PermissionDenied):
            archive(segment=segment, by=person, at=NOW)
    with pytest.raises(PermissionDenied):
        create_segment(name="x", rule=ADULTS, by=cast.rm, at=NOW)
    assert segment.versions.count() == 1


def test_the_analyst_names_the_department(cast, people):
    with pytest.raises(UserError, match="Choose the department"):
        create_segment(name="x", rule=ADULTS, by=cast.analyst, at=NOW)
    made = create_segment(name="x", rule=ADULTS, by=cast.analyst, at=NOW, department=cast.card)
    assert made.department == cast.card
    with pytest.raises(PermissionDenied):
        create_segment(name="y", rule=ADULTS, by=cast.marketer, at=NOW, department=cast.card)


def test_visible_to_the_own_department_and_the_bank_wide_roles(cast, segment):
    def sees(person):
        return Segment.objects.visible_to(person).exists()

    assert all(map(sees, [cast.marketer, cast.manager, cast.analyst, cast.compliance, cast.auditor, cast.admin]))
    assert not any(map(sees, [cast.card_marketer, cast.card_manager, cast.rm, cast.branch_manager]))


def test_an_archived_segment_takes_no_versions_and_frees_its_name(cast, segment):
    archive(segment=segment, by=cast.marketer, at=NOW)
    with pytest.raises(MoveRefused):
        save_version(segment=segment, rule=TEACHERS, by=cast.marketer, at=NOW)
    with pytest.raises(MoveRefused):
        archive(segment=segment, by=cast.marketer, at=NOW)
    create_segment(name=segment.name, rule=TEACHERS, by=cast.marketer, at=NOW)


def test_a_rule_may_be_saved_before_the_first_data(cast, attributes):
    made = create_segment(name="x", rule=ADULTS, by=cast.marketer, at=NOW)
    assert (made.latest.size, made.latest.as_of) == (None, None)


def test_a_snapshot_holds_the_sorted_ids_their_count_and_their_hash(cast, segment, people):
    snapshot = freeze(version=segment.latest, by=cast.marketer, at=NOW)
    ids = [people[n].pk for n in (0, 1, 2, 4)]
    stored = pq.read_table(engine.root() / snapshot.partition.path)["customer_id"].to_pylist()
    assert stored == sorted(ids)
    assert (snapshot.size, snapshot.as_of) == (4, AS_OF)
    assert snapshot.sha256 == hashlib.sha256(np.array(sorted(ids), "<i8").tobytes()).hexdigest()
    assert snapshot.partition.key == f"snapshot={snapshot.pk}"
    assert AuditEntry.objects.filter(action="segment.freeze", actor=cast.marketer).exists()


def test_a_snapshot_keeps_its_members_when_the_data_moves_on(cast, segment, people, publish):
    snapshot = freeze(version=segment.latest, by=None, at=NOW)
    publish([{"customer_id": people[0].pk, "branch_id": cast.east.pk, "age": 31}], AS_OF.replace(month=11, day=30))
    frozen = engine.connection().to_pyarrow(members_with_attributes(snapshot)).to_pylist()
    assert sorted(row["age"] for row in frozen) == [30, 35, 40, 50]
    table, _as_of = live_members(segment.latest)
    assert [row["age"] for row in engine.connection().to_pyarrow(table).to_pylist()] == [31]


def test_an_altered_snapshot_file_is_refused(cast, segment):
    snapshot = freeze(version=segment.latest, by=None, at=NOW)
    path = engine.root() / snapshot.partition.path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="was changed on disk"):
        members_with_attributes(snapshot)


def test_nobody_freezes_to_an_empty_snapshot(cast, people):
    made = create_segment(name="x", rule=rule_of(condition("age", "gt", 200)), by=cast.marketer, at=NOW)
    assert freeze(version=made.latest, by=cast.marketer, at=NOW).size == 0


def test_a_retired_attribute_stops_freezing_but_not_reading(cast, segment, attributes):
    attributes["age"].retired_at = NOW
    attributes["age"].save(update_fields=["retired_at"])
    with pytest.raises(RuleError, match="“age” no longer exists"):
        freeze(version=segment.latest, by=cast.marketer, at=NOW)
    with pytest.raises(RuleError, match="“age” no longer exists"):
        live_members(segment.latest)
    assert not Snapshot.objects.exists()
    assert not Partition.objects.filter(dataset="members").exists()
    assert segment.latest.rule == ADULTS
