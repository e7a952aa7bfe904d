"""What the audit page says where the trail keeps codes."""

from django.utils.translation import override

from accounts.details import in_words


def test_a_change_says_what_was_and_what_is():
    detail = {"before": {"budget": None, "product": 1}, "after": {"budget": "2000", "product": 1}}
    with override("en"):
        said = in_words(detail)
    assert said == "budget – → 2000; product 1 → 1"


def test_figures_moments_hashes_and_facts_inside():
    with override("zh-hans"):
        said = in_words({"treated": 3574, "scheduled_at": "2026-11-23 00:16:33+00:00", "excluded": {"no_phone": 81}})
    assert said == "触达组 3,574；开始时间 2026-11-23 08:16；排除 (无有效手机号 81)"
    with override("en"):
        said = in_words({"content_hash": "ab" * 32, "unheard_of": None})
    assert said == "content abababab; unheard_of –"
