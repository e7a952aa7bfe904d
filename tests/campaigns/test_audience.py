"""Who is contacted, who is control, who is left out and why: everybody is somewhere, once."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns import approval, audience, editing, schedule
from campaigns.models import Arm, Reason, Target
from marketing.lib.errors import UserError
from tests.conftest import NOW
from warehouse.models import Attribute


@pytest.fixture
def approved(campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    campaign.refresh_from_db()
    return campaign


def reasons(run):
    return dict(Target.objects.filter(run=run, arm=Arm.EXCLUDED).values_list("customer_id", "reason"))


def test_every_member_is_a_target_once_with_the_right_reason(approved, published):
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    people = published.people
    assert reasons(run) == {
        people["suppressed"].pk: Reason.SUPPRESSED,
        people["no_consent"].pk: Reason.NO_CONSENT,
        people["no_phone"].pk: Reason.NO_PHONE,
        people["minor"].pk: Reason.UNDER_AGE,
        people["ageless"].pk: Reason.UNDER_AGE,
        people["student"].pk: Reason.STUDENT,
        people["limitless"].pk: Reason.MISSING_VALUE,
    }
    assert set(Target.objects.filter(run=run).values_list("customer_id", flat=True)) == {p.pk for p in people.values()}


def test_the_sums_are_those_of_the_rows(approved):
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    rows = Target.objects.filter(run=run)
    assert run.audience == rows.count() == run.snapshot.size == 13
    assert (run.treated, run.control) == (rows.filter(arm=Arm.TREATED).count(), rows.filter(arm=Arm.CONTROL).count())
    assert run.audience == run.treated + run.control + sum(run.excluded.values())
    assert (run.treated, run.control) == (5, 1), "10 % of six who could be contacted, rounded"


def test_the_control_group_is_drawn_from_those_who_could_be_contacted(approved, published, cast):
    editing.change(campaign=approved, by=cast.marketer, at=NOW, control_percent=50)
    approval.submit(campaign=approved, by=cast.marketer, at=NOW)
    approval.approve(campaign=approved, by=cast.manager, at=NOW)
    approved.refresh_from_db()
    draws = []
    for seed in (1, 1, 2, 3, 4):
        run = audience.freeze(campaign=approved, at=NOW, seed=seed)
        chosen = set(Target.objects.filter(run=run, arm=Arm.CONTROL).values_list("customer_id", flat=True))
        assert len(chosen) == 3 and chosen <= {published.people[f"p{i}"].pk for i in range(1, 7)}
        draws.append(frozenset(chosen))
    assert draws[0] == draws[1], "the seed decides"
    assert len(set(draws[1:])) > 1, "another seed draws others"


def test_only_who_is_contacted_carries_values_and_no_name_or_phone(approved):
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    for target in Target.objects.filter(run=run):
        expected = {"预批额度": "200,000", "gender": "F"} if target.arm == Arm.TREATED else {}
        assert target.facts == expected
        assert (target.variant_id is not None) == (target.arm == Arm.TREATED)


def test_a_customer_gone_from_the_register_is_counted(approved, published):
    gone = published.people["p1"]
    pk = gone.pk
    gone.delete()
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    assert reasons(run)[pk] == Reason.NO_CUSTOMER and run.excluded[Reason.NO_CUSTOMER] == 1


def test_the_first_reason_counts(approved, published):
    minor = published.people["minor"]
    minor.suppression_set.create(channel="sms", reason="reply", at=NOW)
    minor.consent_set.all().delete()
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    assert reasons(run)[minor.pk] == Reason.SUPPRESSED


def test_age_and_student_rules_depend_on_the_product(approved, published, cast, loan_product):
    loan_product.kind = "wealth"
    loan_product.save(update_fields=["kind"])
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    people = published.people
    left_out = reasons(run)
    assert people["student"].pk not in left_out and people["ageless"].pk not in left_out
    assert left_out[people["minor"].pk] == Reason.UNDER_AGE, "minors never"


def test_expired_and_future_consent_do_not_count(approved, published):
    published.people["p1"].consent_set.update(expires_at=NOW)
    published.people["p2"].consent_set.update(given_at=NOW + timedelta(seconds=1))
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    assert {reasons(run)[published.people[p].pk] for p in ("p1", "p2")} == {Reason.NO_CONSENT}


def test_birthdays_are_counted_on_the_day_of_the_run(approved, bank):
    births = {"p1": date(2008, 11, 18), "p2": date(2008, 11, 19), "p3": date(2008, 2, 29)}
    bank.publish({"birth_date": date(1990, 1, 1)}, **{word: {"birth_date": day} for word, day in births.items()})
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    young = {bank.people[p].pk for p in ("p1", "p2", "p3")} & set(reasons(run))
    assert young == {bank.people["p2"].pk}, "eighteen today may be contacted, eighteen tomorrow may not"
    bank.people["p3"].consent_set.update(given_at=datetime(2026, 1, 1, tzinfo=UTC))
    for day, eligible in [(28, 0), (1, 1)]:
        at = datetime(2026, 2 if day == 28 else 3, day, 2, tzinfo=UTC)
        assert audience.preview(campaign=approved, at=at).eligible == eligible, "29 February turns 18 on 1 March"


def test_preview_says_what_freeze_will_do_and_keeps_nothing(approved):
    split = audience.preview(campaign=approved, at=NOW)
    assert split.adds_up and Target.objects.count() == 0
    run = audience.freeze(campaign=approved, at=NOW)
    assert (split.audience, split.treated, split.control, split.excluded) == (
        run.audience,
        run.treated,
        run.control,
        run.excluded,
    )


def test_samples_are_people_who_could_be_contacted(campaign, published):
    found = audience.samples(campaign=campaign, at=NOW)
    ordinary = {published.people[f"p{i}"].pk for i in range(1, 7)}
    assert len(found) == 3 and {member.customer_id for member in found} <= ordinary
    assert all((m.facts["预批额度"], m.years, m.gender) == ("200,000", 34, "F") for m in found)


def test_an_empty_segment_is_refused_in_a_sentence(campaign, cast, bank):
    bank.publish({"aum": -1.0})
    with pytest.raises(UserError, match="no members"):
        approval.submit(campaign=campaign, by=cast.marketer, at=NOW)


def test_nobody_left_is_refused_in_a_sentence(campaign, cast, bank):
    for person in bank.people.values():
        person.consent_set.all().delete()
    with pytest.raises(UserError, match="None of the 13 members"):
        approval.submit(campaign=campaign, by=cast.marketer, at=NOW)


def test_a_hostile_value_leaves_its_owner_out(approved, bank):
    Attribute.objects.filter(key="preapproved_limit").update(type="text")
    values = {"p1": "http://evil.example/", "p2": '"; DROP TABLE x; --', "p3": "a\nb", "p4": "", "p5": "长" * 41}
    bank.publish({"preapproved_limit": "20万"}, **{p: {"preapproved_limit": value} for p, value in values.items()})
    run = audience.freeze(campaign=approved, at=NOW, seed=7)
    left_out = reasons(run)
    assert {left_out.get(bank.people[p].pk) for p in ("p1", "p4", "p5")} == {Reason.MISSING_VALUE}
    assert bank.people["p2"].pk not in left_out and bank.people["p3"].pk not in left_out
    kept = Target.objects.filter(run=run, customer=bank.people["p3"], arm=Arm.TREATED).first()
    assert kept is None or kept.facts["预批额度"] == "a b"


def test_a_start_freezes_once_however_many_beats(approved, cast):
    schedule.launch(campaign=approved, by=cast.manager, at=NOW)
    runs = schedule.start_due(NOW) + schedule.start_due(NOW)
    approved.refresh_from_db()
    assert [run.campaign_id for run in runs] == [approved.pk] and approved.state == "running"
    assert approved.runs.count() == 1 and Target.objects.count() == 13
