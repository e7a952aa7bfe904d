"""Two beats at the same instant: each campaign starts once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from campaigns import approval, schedule
from campaigns.models import Campaign, Run, Target
from tests.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_beats_start_a_campaign_once(transactional_db, campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    schedule.launch(campaign=campaign, by=cast.marketer, at=NOW)
    together = Barrier(4)

    def beat(_number: int) -> int:
        together.wait()
        try:
            return len(schedule.start_due(NOW))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as beats:
        started = list(beats.map(beat, range(4)))
    assert sorted(started) == [0, 0, 0, 1]
    assert Campaign.objects.get().state == "running"
    assert Run.objects.count() == 1 and Target.objects.count() == 13


def test_an_approval_and_a_change_at_once_never_leave_an_approved_change(transactional_db, campaign, cast):
    """Whoever is first, what stands afterwards is either what was signed or a draft."""
    from campaigns import editing
    from marketing.lib.errors import UserError

    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    together = Barrier(2)

    def act(verb) -> None:
        together.wait()
        try:
            verb()
        except UserError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as both:
        list(
            both.map(
                act,
                [
                    lambda: approval.approve(campaign=campaign, by=cast.manager, at=NOW),
                    lambda: editing.write(campaign=campaign, text="别的", by=cast.marketer, at=NOW),
                ],
            )
        )
    campaign.refresh_from_db()
    assert campaign.state == "draft" and not approval.approved_hash_matches(campaign)
