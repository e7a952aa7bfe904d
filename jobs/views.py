"""The bell, and a person's own jobs."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.requests import StaffRequest
from jobs import work
from jobs.models import Job, JobState
from marketing.lib import days


def bell(request: StaffRequest) -> HttpResponse:
    """Show how much of the person's work is running and whether something has ended since they looked."""
    mine = Job.objects.visible_to(request.user)
    running = list(mine.unfinished())
    done, total = sum(j.done for j in running), sum(j.total for j in running)
    return render(
        request,
        "_bell.html",
        {
            "running": len(running),
            "percent": 100 * done // total if total else 0,
            "ended": mine.exclude(state__in=[JobState.QUEUED, JobState.RUNNING]).filter(acknowledged_at=None).count(),
        },
    )


def jobs(request: StaffRequest) -> HttpResponse:
    """List the person's jobs; having seen them silences the bell."""
    mine = Job.objects.visible_to(request.user)
    page = Paginator(mine, 50).get_page(request.GET.get("page"))
    ended = mine.exclude(state__in=[JobState.QUEUED, JobState.RUNNING]).filter(acknowledged_at=None)
    ended.update(acknowledged_at=days.now())
    return render(request, "jobs/list.html", {"page_obj": page})


def row(request: StaffRequest, pk: int) -> HttpResponse:
    """Show one job's progress; the fragment polls itself until the job is over."""
    job = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    return render(request, "jobs/_row.html", {"job": job})


@require_POST
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    job = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    work.cancel(job=job, by=request.user)
    return redirect("jobs:list")
