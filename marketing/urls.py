"""Every room's address."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from reports.urls import root_urlpatterns

ROOMS = ["accounts", "jobs", "customers", "warehouse", "segments", "campaigns", "delivery", "outcomes", "reports"]

urlpatterns: list[URLPattern | URLResolver] = [path("i18n/", include("django.conf.urls.i18n")), *root_urlpatterns]
urlpatterns += [path("", include(f"{room}.urls")) for room in ROOMS if find_spec(f"{room}.urls")]
