from django.urls import path

from outcomes import views

app_name = "outcomes"
urlpatterns = [
    path("outcomes/campaigns/<int:pk>/result", views.result, name="result"),
    path("outcomes/campaigns/<int:pk>/lift.csv", views.result_days, name="result_days"),
    path("outcomes/conversions/", views.conversions, name="conversions"),
]
