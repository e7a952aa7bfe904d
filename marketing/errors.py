"""Show a UserError the same way everywhere: a toast for htmx, a page for a browser, JSON for the API."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import trigger_client_event
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from marketing.lib.errors import MoveRefused, UserError


class UserErrorMiddleware:
    """Turn a UserError that a view did not handle into its sentence; 409 for a refused move, else 400."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, UserError):
            return None
        code = status_of(error)
        if getattr(request, "htmx", False):
            response = HttpResponse(str(error), status=code, content_type="text/plain; charset=utf-8")
            response["HX-Reswap"] = "none"
            return trigger_client_event(response, "toast", {"level": "bad", "text": str(error)})
        return render(request, "400.html", {"error": error}, status=code)


def status_of(error: UserError) -> int:
    return status.HTTP_409_CONFLICT if isinstance(error, MoveRefused) else status.HTTP_400_BAD_REQUEST


def api_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer the API with the page's own sentence: {"detail": …, "fields": {…}}."""
    if isinstance(error, UserError):
        fields = {key: str(value) for key, value in error.fields.items()}
        return Response({"detail": str(error), "fields": fields}, status=status_of(error))
    if isinstance(error, PermissionDenied):
        return Response({"detail": str(error) or "Forbidden"}, status=status.HTTP_403_FORBIDDEN)
    return exception_handler(error, context)
