"""The rule builder's pages: the form that saves, and the fragments that follow every keystroke."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from accounts.models import User
from accounts.permissions import permission
from marketing.lib import days
from marketing.lib.errors import UserError

from . import builder, live, tree
from .catalogue import catalogue, shelves
from .editing import create_segment, save_segment
from .forms import SegmentForm
from .models import Segment, Version
from .rules import Path, Problem, RuleError


@permission("segments.edit")
def create(request: HttpRequest) -> HttpResponse:
    """Build a new segment; saving it makes its first version."""
    user = _user(request)
    form = SegmentForm(request.POST or None, user=user)
    typed = tree.read(request.POST) if request.method == "POST" else tree.empty()
    problems: list[Problem] = []
    if request.method == "POST" and form.is_valid():
        try:
            segment = create_segment(**form.cleaned_data, rule=typed, by=user, at=days.now())
        except UserError as error:
            problems = _refuse(form, error)
        else:
            messages.success(request, _("“{name}” is saved.").format(name=segment.name))
            return redirect("segments:detail", pk=segment.pk)
    return _page(request, form, typed, problems)


@permission("segments.edit")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a segment; another rule becomes a new version, the old ones stay as they are."""
    user = _user(request)
    own = Segment.objects.visible_to(user).in_use().select_related("department", "owner")
    segment = get_object_or_404(own, pk=pk)
    latest = segment.latest
    form = SegmentForm(request.POST or None, user=user, segment=segment)
    saved = latest.rule if latest else tree.empty()
    typed = tree.read(request.POST) if request.method == "POST" else saved
    problems: list[Problem] = []
    if request.method == "POST" and form.is_valid():
        try:
            version = save_segment(segment=segment, **form.cleaned_data, rule=typed, by=user, at=days.now())
        except UserError as error:
            problems = _refuse(form, error)
        else:
            messages.success(request, _saved(version, latest))
            return redirect("segments:detail", pk=segment.pk)
    return _page(request, form, typed, problems, segment, latest)


def _page(
    request: HttpRequest,
    form: SegmentForm,
    typed: tree.Tree,
    problems: list[Problem],
    segment: Segment | None = None,
    latest: Version | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "segment": segment,
        "number": latest.number + 1 if latest else 1,
        "root": builder.mark(builder.lines(typed, catalogue()), problems),
        "shelves": builder.picker(shelves()),
    }
    return render(request, "segments/builder.html", context)


def _refuse(form: SegmentForm, error: UserError) -> list[Problem]:
    """Put a refusal where it belongs: at a field, at the conditions, or on top; return the rule's problems."""
    if isinstance(error, RuleError):
        form.add_error(None, _("The rule is not saved yet: see the conditions marked below."))
        return error.problems
    for name, sentence in error.fields.items():
        form.add_error(name if name in form.fields else None, str(sentence))
    if not error.fields:
        form.add_error(None, str(error))
    return []


def _saved(version: Version, before: Version | None) -> str:
    if before is not None and version.pk == before.pk:
        return _("Saved. The rule is the same, so it stays version {number}.").format(number=version.number)
    return _("Saved as version {number}.").format(number=version.number)


@permission("segments.edit")
@require_POST
def shape(request: HttpRequest) -> HttpResponse:
    """Return the tree after one edit: `do` says which, `at` where, `key` which attribute."""
    typed, known = tree.read(request.POST), catalogue()
    fresh = _edited(request, typed)
    context = {"root": builder.lines(typed, known, fresh)}
    return trigger_client_event(render(request, "segments/_tree.html", context), "rule-changed", after="swap")


def _edited(request: HttpRequest, typed: tree.Tree) -> Path | None:
    do, at, known = request.POST.get("do"), tree.path_of(request.POST.get("at", "")), catalogue()
    chosen = known.get(request.POST.get("key", ""))
    if do == "remove":
        tree.remove(typed, at)
    elif do == "group":
        return tree.add_group(typed, at)
    elif do == "add" and chosen:
        return tree.add_condition(typed, at, chosen)
    elif do == "change" and chosen:
        tree.choose_attribute(typed, at, chosen, known)
        return at
    return at if do == "op" else None


@permission("segments.edit")
@require_POST
def count(request: HttpRequest) -> HttpResponse:
    """Return size, sentence, waterfall and each line's effect or problem for the rule as it is typed."""
    typed = tree.read(request.POST)
    told = live.answer(typed, _user(request))
    # A rule that was not begun yet has no mistake; the card of the number says what to do first.
    root = builder.mark(builder.lines(typed, catalogue()), told.problems if typed["items"] else [])
    told_lines = [(line, told.effects.get(line.path)) for line in builder.flat(root)]
    context = {"answer": told, "lines": told_lines, "is_empty": not typed["items"]}
    return trigger_client_event(render(request, "segments/_live.html", context), "counted", after="swap")


@permission("segments.edit")
@require_POST
def examples(request: HttpRequest) -> HttpResponse:
    """Return a few masked members of the rule as it is typed."""
    table = live.examples(tree.read(request.POST), _user(request))
    return render(request, "segments/_sample.html", {"table": table})


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # every view stands behind `permission`
    return request.user
