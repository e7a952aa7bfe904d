"""A program acts with a token: shown once, stored as a digest, ended by expiry, revocation or a closed account."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts import people, tokens
from accounts.models import ApiToken
from tests.conftest import NOW


@pytest.fixture
def issued(cast):
    return tokens.issue(user=cast.marketer, name="nightly", at=NOW)


def test_the_secret_is_not_in_the_database(issued):
    token, secret = issued
    assert secret.startswith(token.prefix)
    assert secret.encode() not in bytes(ApiToken.objects.get().digest)
    assert tokens.owner(secret, at=NOW) == token.user
    assert tokens.owner(secret + "x", at=NOW) is None


def test_it_expires(issued):
    assert tokens.owner(issued[1], at=NOW + tokens.LIFETIME - timedelta(seconds=1))
    assert tokens.owner(issued[1], at=NOW + tokens.LIFETIME) is None


def test_it_can_be_revoked_by_its_owner_only(issued, cast):
    tokens.revoke(token=issued[0], by=cast.card_marketer, at=NOW)
    assert tokens.owner(issued[1], at=NOW)
    tokens.revoke(token=issued[0], by=cast.marketer, at=NOW)
    assert tokens.owner(issued[1], at=NOW) is None


def test_closing_the_account_ends_it(issued, cast):
    people.set_active(user=cast.marketer, active=False, by=cast.admin, at=NOW)
    assert tokens.owner(issued[1], at=NOW) is None


def test_the_page_shows_the_secret_once(client, cast):
    client.force_login(cast.marketer)
    page = client.post(reverse("accounts:tokens"), {"name": "nightly"})
    assert "mk_" in page.content.decode() and page["Cache-Control"] == "no-store"
    secret = page.context["secret"]
    assert secret not in client.get(reverse("accounts:tokens")).content.decode()
