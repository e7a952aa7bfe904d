"""The addresses of customers; the page of one customer draws on every room and stands in reports."""

from django.urls import path

from customers import api, views

app_name = "customers"
urlpatterns = [
    path("customers/", views.customers, name="list"),
    path("customers/find/", views.find, name="find"),
    path("customers/<int:pk>/reveal/", views.reveal, name="reveal"),
    path("customers/<int:pk>/suppress/", views.suppress, name="suppress"),
    path("api/v1/customers/", api.CustomerList.as_view(), name="api_list"),
    path("api/v1/customers/<int:pk>/", api.CustomerDetail.as_view(), name="api_detail"),
]
