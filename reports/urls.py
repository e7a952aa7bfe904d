from django.urls import path

from reports import api, health, views

app_name = "reports"
urlpatterns = [
    path("dashboard/", views.dashboard, name="dashboard"),
    path("dashboard/export/", views.dashboard_export, name="dashboard_export"),
    path("dashboard/campaigns/<int:pk>/export/", views.campaign_export, name="campaign_export"),
    path("today/running/", views.running, name="running"),
    path("customers/<int:pk>/", views.customer, name="customer"),
    path("customers/<int:pk>/why/", views.why, name="why"),
    path("api/v1/dashboard/", api.DashboardReport.as_view(), name="api_dashboard"),
]

# Pages that everybody knows by a plain name, and the report of a campaign; they stand before the rooms' own addresses,
# because `campaigns/<pk>/<verb>/` would take the report for a verb.
root_urlpatterns = [
    path("", views.today, name="today"),
    path("search", views.search, name="search"),
    path("healthz", health.healthz, name="healthz"),
    path("api/v1/campaigns/<int:pk>/report/", api.CampaignReport.as_view(), name="campaign_report"),
]
