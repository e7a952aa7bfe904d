"""The addresses of segments, pages and API."""

from django.urls import path

from . import api, building, views

app_name = "segments"
urlpatterns = [
    path("segments/", views.segment_list, name="list"),
    path("segments/new/", building.create, name="create"),
    path("segments/shape/", building.shape, name="shape"),
    path("segments/count/", building.count, name="count"),
    path("segments/examples/", building.examples, name="examples"),
    path("segments/<int:pk>/", views.detail, name="detail"),
    path("segments/<int:pk>/edit/", building.edit, name="edit"),
    path("segments/<int:pk>/figures/", views.figures, name="figures"),
    path("segments/<int:pk>/sample/", views.sample, name="sample"),
    path("segments/<int:pk>/members/", views.members, name="members"),
    path("segments/<int:pk>/freeze/", views.freeze, name="freeze"),
    path("segments/<int:pk>/archive/", views.archive, name="archive"),
    path("api/v1/segments/", api.SegmentList.as_view(), name="api_list"),
    path("api/v1/segments/count/", api.RuleCount.as_view(), name="api_count"),
    path("api/v1/segments/<int:pk>/", api.SegmentDetail.as_view(), name="api_detail"),
    path("api/v1/segments/<int:pk>/snapshots/", api.SegmentSnapshots.as_view(), name="api_snapshots"),
]
