from django.urls import path

from delivery import api, callbacks, views

app_name = "delivery"

urlpatterns = [
    path("delivery/runs/<int:pk>/progress/", views.run_progress, name="run_progress"),
    path("delivery/runs/<int:pk>/cancel/", views.cancel_form, name="cancel_form"),
    path("delivery/campaigns/<int:pk>/messages/", views.messages, name="messages"),
    path("delivery/campaigns/<int:pk>/test/", views.test_send, name="test_send"),
    path("delivery/gateways/", views.gateways, name="gateways"),
    path("delivery/gateways/<int:pk>/switch/", views.switch, name="switch"),
    path("delivery/inbox/", views.inbox, name="inbox"),
    path("delivery/inbox/count/", views.inbox_count, name="inbox_count"),
    path("delivery/inbox/<int:pk>/<str:verb>/", views.reply_action, name="reply_action"),
    path("api/v1/runs/<int:pk>/messages/", api.RunMessages.as_view(), name="api_run_messages"),
    # where gateways call us: the path is the gateway's own, unguessable
    path("gateways/<str:callback_path>/receipts", callbacks.take_receipts, name="receipts"),
    path("gateways/<str:callback_path>/inbound", callbacks.take_inbound, name="inbound"),
]
