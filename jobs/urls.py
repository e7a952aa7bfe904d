from django.urls import path

from jobs import views

app_name = "jobs"
urlpatterns = [
    path("jobs/", views.jobs, name="list"),
    path("jobs/bell/", views.bell, name="bell"),
    path("jobs/<int:pk>/", views.row, name="row"),
    path("jobs/<int:pk>/cancel/", views.cancel, name="cancel"),
]
