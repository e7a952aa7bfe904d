"""Sign in and out, the people and roles of the bank, one's own tokens, the audit trail."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import audit, people, throttle, tokens
from accounts.forms import SignInForm, TokenForm
from accounts.models import ApiToken, AuditEntry, Branch, Department, Role, User
from accounts.permissions import has, permission
from accounts.requests import StaffRequest
from marketing.lib import days


@login_not_required
def sign_in(request: HttpRequest) -> HttpResponse:
    """Let somebody in; a wrong name and a wrong password sound the same and take the same time."""
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name, address, at = form.cleaned_data["username"], request.META["REMOTE_ADDR"], days.now()
        if throttle.is_closed(username=name, address=address, at=at):
            form.add_error(None, _("Too many failed attempts. Wait a quarter of an hour, or ask an administrator."))
        elif user := authenticate(request, username=name, password=form.cleaned_data["password"]):
            login(request, user)
            audit.record(action="accounts.sign_in", by=user, at=at, on=user)
            return redirect(_next(request))
        else:
            throttle.failed(username=name, address=address, at=at)
            form.add_error(None, _("User name and password do not match. Check both and try again."))
    return render(request, "accounts/login.html", {"form": form, "demo": settings.DEMO, "next": _next(request)})


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else resolve_url(settings.LOGIN_REDIRECT_URL)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("accounts:login")


@permission("settings.view")
def bank(request: StaffRequest) -> HttpResponse:
    """Show departments, branches and people; an administrator opens a person from here."""
    found = User.objects.select_related("department", "branch").prefetch_related("grants")
    query, role = request.GET.get("q", "").strip(), request.GET.get("role", "")
    if query:
        found = found.filter(Q(username__icontains=query) | Q(display_name__icontains=query) | Q(staff_no=query))
    if role in Role.values:
        found = found.filter(grants__role=role)
    context = {
        "page_obj": Paginator(found, 50).get_page(request.GET.get("page")),
        "departments": Department.objects.annotate(people=Count("user")),
        "branches": Branch.objects.annotate(people=Count("user")),
        "roles": Role.choices,
        "query": query,
        "role": role,
        "may_edit": has(request.user, "users.edit"),
    }
    return render(request, "accounts/settings.html", context)


@permission("users.edit")
def person(request: StaffRequest, pk: int) -> HttpResponse:
    """Show one person's roles and change them, one verb per click."""
    user = get_object_or_404(User, pk=pk)
    if request.method == "POST":
        _change(request, user)
        return redirect("accounts:person", pk)
    roles = [(value, label, value in user.roles) for value, label in Role.choices]
    return render(request, "accounts/person.html", {"person": user, "roles": roles})


def _change(request: StaffRequest, user: User) -> None:
    by, at, role = request.user, days.now(), request.POST.get("role", "")
    verb = request.POST.get("verb")
    if verb == "grant" and role in Role.values:
        people.grant(user=user, role=role, by=by, at=at)
    elif verb == "revoke":
        people.revoke(user=user, role=role, by=by, at=at)
    elif verb in ("open", "close"):
        people.set_active(user=user, active=verb == "open", by=by, at=at)


@permission("tokens.own")
def own_tokens(request: StaffRequest) -> HttpResponse:
    """List one's tokens, issue one; its secret stands on this answer only."""
    form, secret = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        _token, secret = tokens.issue(user=request.user, name=form.cleaned_data["name"], at=days.now())
        form = TokenForm()
    mine = ApiToken.objects.filter(user=request.user)
    response = render(
        request, "accounts/tokens.html", {"form": form, "secret": secret, "tokens": mine, "now": days.now()}
    )
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@permission("tokens.own")
def revoke_token(request: StaffRequest, pk: int) -> HttpResponse:
    tokens.revoke(token=get_object_or_404(ApiToken, pk=pk, user=request.user), by=request.user, at=days.now())
    messages.success(request, _("The token is revoked. Programs that use it are refused from now on."))
    return redirect("accounts:tokens")


def _found(request: StaffRequest) -> QuerySet[AuditEntry]:
    entries = AuditEntry.objects.select_related("department")
    filters = {
        "action__startswith": request.GET.get("action", ""),
        "object_type": request.GET.get("type", ""),
        "object_id": request.GET.get("id", ""),
        "department__code": request.GET.get("department", ""),
    }
    entries = entries.filter(**{key: value for key, value in filters.items() if value})
    if query := request.GET.get("q", "").strip():
        entries = entries.filter(Q(actor_name__icontains=query) | Q(object_name__icontains=query))
    return entries


@permission("audit.view")
def trail(request: StaffRequest) -> HttpResponse:
    """Show who did what, newest first."""
    context = {
        "page_obj": Paginator(_found(request), 50).get_page(request.GET.get("page")),
        "actions": AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct(),
        "departments": Department.objects.all(),
    }
    return render(request, "accounts/audit.html", context)


@require_POST
@permission("audit.view")
def verify(request: StaffRequest) -> HttpResponse:
    """Walk the chain now and say whether every entry is as it was written."""
    broken = list(audit.verify())
    context = {"broken": broken[:50], "count": len(broken), "checked": AuditEntry.objects.count(), "at": days.now()}
    return render(request, "accounts/_verified.html", context)
