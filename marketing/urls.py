"""Every room's addresses, the API's description, and the language switch."""

from django.contrib.auth.decorators import login_not_required, login_required
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from reports.urls import root_urlpatterns

ROOMS = ("accounts", "jobs", "customers", "warehouse", "segments", "campaigns", "delivery", "outcomes", "reports")

urlpatterns: list[URLPattern | URLResolver] = [
    *root_urlpatterns,
    *(path("", include(f"{room}.urls")) for room in ROOMS),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),  # the sign-in page has it too
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", login_required(SpectacularSwaggerSplitView.as_view()), name="docs"),
]
