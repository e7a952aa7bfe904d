from django.urls import path

from delivery import callbacks

app_name = "delivery"

urlpatterns = [
    path("gateways/<str:callback_path>/receipts", callbacks.take_receipts, name="receipts"),
    path("gateways/<str:callback_path>/inbound", callbacks.take_inbound, name="inbound"),
]
