from django.urls import path, register_converter

from campaigns import api, pages, signing, views, wizard


class Verb:
    """What a program may do to a campaign, so that the rooms to the right can have addresses beside the verbs."""

    regex = "|".join([*signing.VERBS, "schedule"])

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Verb, "verb")

app_name = "campaigns"
urlpatterns = [
    path("campaigns/", views.campaign_list, name="list"),
    path("campaigns/new/", wizard.create, name="create"),
    path("campaigns/used-by/<int:segment>/", views.used_by, name="used_by"),
    path("campaigns/<int:pk>/", pages.progress, name="detail"),
    path("campaigns/<int:pk>/targets/", pages.targets, name="targets"),
    path("campaigns/<int:pk>/content/", pages.content, name="content"),
    path("campaigns/<int:pk>/messages/", pages.messages, name="messages"),
    path("campaigns/<int:pk>/result/", pages.result, name="result"),
    path("campaigns/<int:pk>/set-up/", pages.set_up, name="set_up"),
    path("campaigns/<int:pk>/audit/", pages.trail, name="audit"),
    path("campaigns/<int:pk>/edit/<slug:step>/", wizard.edit, name="edit"),
    path("campaigns/<int:pk>/preview/", wizard.live_preview, name="preview"),
    path("campaigns/<int:pk>/split/", wizard.split, name="split"),
    path("campaigns/<int:pk>/checks/", wizard.live_checks, name="checks"),
    path("campaigns/<int:pk>/do/<slug:verb>/", signing.action, name="action"),
    path("approvals/", signing.approvals, name="approvals"),
    path("approvals/count/", signing.waiting, name="approvals_count"),
    path("approvals/<int:pk>/", signing.approval_page, name="approval"),
    path("api/v1/campaigns/", api.CampaignList.as_view(), name="api_list"),
    path("api/v1/campaigns/<int:pk>/", api.CampaignDetail.as_view(), name="api_detail"),
    path("api/v1/campaigns/<int:pk>/<verb:verb>/", api.CampaignVerb.as_view(), name="api_verb"),
]
