"""The addresses of data: feeds, their runs, the catalogue, and the API."""

from django.urls import path

from warehouse import api, browsing, uploading, views

app_name = "warehouse"
urlpatterns = [
    path("data/", views.feeds, name="feeds"),
    path("data/runs/", views.runs, name="runs"),
    path("data/upload/", uploading.upload, name="upload"),
    path("data/runs/<int:pk>/", views.run, name="run"),
    path("data/runs/<int:pk>/columns/", uploading.columns, name="mapping"),
    path("data/runs/<int:pk>/discard/", uploading.discard, name="discard"),
    path("data/runs/<int:pk>/progress/", views.run_progress, name="run_progress"),
    path("data/runs/<int:pk>/cancel/", uploading.cancel, name="cancel"),
    path("data/runs/<int:pk>/rejects/", views.rejects, name="rejects"),
    path("data/attributes/", browsing.attributes, name="catalogue"),
    path("data/attributes/<slug:key>/", browsing.attribute, name="attribute"),
    path("data/attributes/<slug:key>/retire/", browsing.retire, name="retire"),
    path("api/v1/feeds/", api.FeedList.as_view(), name="api_list"),
    path("api/v1/feeds/<int:pk>/", api.FeedDetail.as_view(), name="api_detail"),
    path("api/v1/openings/", api.Openings.as_view(), name="api_openings"),
]
