from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="login"),
    path("sign-out/", views.sign_out, name="logout"),
    path("settings/", views.bank, name="settings"),
    path("settings/people/<int:pk>/", views.person, name="person"),
    path("tokens/", views.own_tokens, name="tokens"),
    path("tokens/<int:pk>/revoke/", views.revoke_token, name="revoke_token"),
    path("audit/", views.trail, name="audit"),
    path("audit/verify/", views.verify, name="verify"),
]
