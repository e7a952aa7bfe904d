"""Somebody signs in, or learns why not."""

from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts import people, throttle
from accounts.models import AuditEntry, RoleGrant, SignInFailure, User
from accounts.permissions import PERMISSIONS, has, require
from marketing.lib.errors import UserError
from tests.conftest import NOW

URL = "/sign-in/"


def test_a_right_password_opens_and_is_on_the_trail(client, cast):
    response = client.post(URL, {"username": "marketer", "password": "pass", "next": "/tokens/"})
    assert (response.status_code, response.url) == (302, "/tokens/")
    assert AuditEntry.objects.get().action == "accounts.sign_in"


@pytest.mark.parametrize("name", ["marketer", "nobody"])
def test_a_wrong_name_and_a_wrong_password_sound_the_same(client, cast, name):
    page = client.post(URL, {"username": name, "password": "wrong"}, headers={"accept-language": "en"})
    assert "User name and password do not match" in page.content.decode()
    assert f'value="{name}"' in page.content.decode(), "what was typed stays"


def test_five_failures_close_the_door_even_to_the_right_password(client, cast):
    for _ in range(throttle.MOST):
        client.post(URL, {"username": "marketer", "password": "wrong"})
    page = client.post(URL, {"username": "marketer", "password": "pass"}, headers={"accept-language": "en"})
    assert "Too many failed attempts" in page.content.decode()
    SignInFailure.objects.update(at=NOW)
    assert client.post(URL, {"username": "marketer", "password": "pass"}).status_code == 302


def test_a_closed_account_does_not_open(client, cast):
    people.set_active(user=cast.marketer, active=False, by=cast.admin, at=NOW)
    assert client.post(URL, {"username": "marketer", "password": "pass"}).status_code == 200


def test_closing_an_account_ends_its_session(client, cast):
    client.force_login(cast.marketer)
    assert client.get(reverse("accounts:tokens")).status_code == 200
    people.set_active(user=cast.marketer, active=False, by=cast.admin, at=NOW)
    assert client.get(reverse("accounts:tokens")).status_code == 302


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_on_stays_in_the_house(client, cast, target):
    response = client.post(URL, {"username": "marketer", "password": "pass", "next": target})
    assert response.url == "/"


def test_sign_out_needs_a_post(client, cast):
    client.force_login(cast.marketer)
    assert client.get(reverse("accounts:logout")).status_code == 405
    client.post(reverse("accounts:logout"))
    assert client.get(reverse("accounts:tokens")).status_code == 302


def test_nobody_grants_themselves_anything(cast):
    with pytest.raises(UserError):
        people.grant(user=cast.admin, role="manager", by=cast.admin, at=NOW)
    with pytest.raises(PermissionDenied):
        people.grant(user=cast.rm, role="manager", by=cast.manager, at=NOW)
    assert RoleGrant.objects.filter(role="manager").count() == 2


def test_a_granted_role_counts_from_the_next_question(cast):
    assert not has(cast.rm, "campaigns.approve")
    people.grant(user=cast.rm, role="manager", by=cast.admin, at=NOW)
    assert has(cast.rm, "campaigns.approve")


def test_a_marketer_may_not_approve_and_a_manager_may(cast):
    require(cast.manager, "campaigns.approve")
    with pytest.raises(PermissionDenied):
        require(cast.marketer, "campaigns.approve")


def test_an_unknown_permission_is_a_programming_error(cast):
    with pytest.raises(KeyError):
        has(cast.admin, "campaigns.aprove")
    assert all(PERMISSIONS.values())


def test_production_does_not_start_with_demo_users(cast, settings):
    cast.rm.is_demo = True
    cast.rm.save(update_fields=["is_demo"])
    people.refuse_demo_users()  # the demo itself starts
    settings.DEMO = False
    with pytest.raises(ImproperlyConfigured, match="demo users \\(rm"):
        people.refuse_demo_users()
    people.set_active(user=cast.rm, active=False, by=cast.admin, at=NOW)
    people.refuse_demo_users()


def test_the_first_administrator_is_appointed_on_the_machine(db, client, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO("correct horse battery\n"))
    call_command("appoint", "root.admin", "admin", stdout=StringIO())
    client.post(URL, {"username": "root.admin", "password": "correct horse battery"})
    assert client.get(reverse("accounts:settings")).status_code == 200


def test_a_weak_password_appoints_nobody(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO("12345678\n"))
    with pytest.raises(CommandError):
        call_command("appoint", "root.admin", "admin", stdout=StringIO())
    assert not User.objects.exists()
