"""What must not go out: the checks on a text before anybody is asked to approve it.

Each finding is a level (`error` stops submission, `warning` is shown to the approver) and a sentence saying what is
wrong and what to do. Pure: the product's kind and the policy's wording come in as arguments.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns import content

CREDIT = frozenset({"loan", "card"})


@dataclass(frozen=True)
class Finding:
    """One thing found in a text; `code` names the check for tests and for the API."""

    code: str
    level: Literal["error", "warning"]
    sentence: str


@dataclass(frozen=True)
class Wording:
    """What a text is held against: the policy's signature and opt-out wording, the known names, the product's rate."""

    signature: str
    opt_out: str
    known: Mapping[str, str] = field(default_factory=content.names)
    annual_rate: str = ""
    profile: content.Profile = "cn"
    max_values: Mapping[str, str] = field(default_factory=dict)


# -- banned phrases -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Banned:
    """A pattern over the folded text, the product kinds it is banned for (empty: all), and why."""

    pattern: str
    why: str
    kinds: frozenset[str] = frozenset()


_GUARANTEE = gettext_noop("no promise of return or safety may be made")
_ENDORSED = gettext_noop("a regulator or the state may not be named as a guarantor")
_ABSOLUTE = gettext_noop("absolute claims are not allowed in advertising")
_EASY_CREDIT = gettext_noop("credit may not be presented as effortless or certain")

# Look-behinds keep innocent neighbours: 确保本人, 环保本行, 医保本月 hold 保本; 最低还款 and 最低工资 are terms.
BANNED: tuple[Banned, ...] = (
    Banned(r"(?<![确担环医社投参承])保本(?!人|行|次|月|年|单)", _GUARANTEE),
    Banned("保收益|保证收益|收益保证|保息|保底收益|刚性兑付|刚兑", _GUARANTEE),
    Banned("(?:无|零|没有|没)风险", _GUARANTEE),
    Banned("稳赚|稳赢|必赚|包赚|躺赚|只赚不赔", _GUARANTEE),
    Banned(
        "(?:央行|人民银行|银保监会?|金融监管(?:总)?局|监管部门|国家|政府)(?:官方)?(?:认证|背书|担保|批准|推荐|认可)",
        _ENDORSED,
    ),
    Banned("最低(?!还款|工资|应还|消费|存款|起存|起投)", _ABSOLUTE),
    Banned("最(?:优惠|划算|便宜|高收益|好|佳|快)|全网第一|全国第一|史上|独一无二|国家级|顶级", _ABSOLUTE),
    Banned(
        "秒批|秒下|秒放款|秒到账|闪批|必下款|必批|百分百(?:通过|获批|下款)|100%(?:通过|获批|下款)|包过|包下款",
        _EASY_CREDIT,
        CREDIT,
    ),
    Banned("免费提额|无条件提额|强开额度|内部渠道", _EASY_CREDIT, CREDIT),
    Banned(
        "无视(?:征信|黑白|逾期)|不看征信|不查征信|黑户|无需审核|免审核|零门槛|无门槛|洗白征信", _EASY_CREDIT, CREDIT
    ),
    Banned("(?:零|0)(?:利息|成本)|免息贷|以贷还贷|以卡养卡|套现", _EASY_CREDIT, CREDIT),
)

# Only the characters that occur in the patterns: enough to see through a phrase written in traditional form.
_TRADITIONAL = str.maketrans(
    "無風險穩賺贏證認監會國總門檻額費條強開內徵黑戶視審貸還養現優惠劃買賣賠兌剛邊擔點讓過壞錢單動線貨帳賬級與獨頂網",
    "无风险稳赚赢证认监会国总门槛额费条强开内征黑户视审贷还养现优惠划买卖赔兑刚边担点让过坏钱单动线货账账级与独顶网",
)
_DECORATION = re.compile(r"[\s·・.*\-_~|/\\+'\"“”‘’^•]")


def folded(text: str) -> str:
    """Reduce a text to what a reader sees as its words: half width, simplified, without spaces and decoration."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cc", "Mn", "Me"} or c.isspace())
    return _DECORATION.sub("", text).translate(_TRADITIONAL)


def _banned(text: str, kind: str) -> Iterator[Finding]:
    seen = folded(text)
    for rule in BANNED:
        if rule.kinds and kind not in rule.kinds:
            continue
        if found := re.search(rule.pattern, seen):
            sentence = _("“%(words)s” may not be used: %(why)s.") % {"words": found.group(), "why": _(rule.why)}
            yield Finding("banned", "error", sentence)


# -- form ---------------------------------------------------------------------------------------------------------

_SPECIAL = re.compile(r"\^_\^|[¥￥★☆※&\[\]^]")
_EMOJI = re.compile(r"[\U00010000-\U0010ffff\u2600-\u27bf\ufe0f]")
_VARIABLE_LINK = re.compile(
    r"(?:https?://|www\.|(?:[a-z0-9-]+\.)+(?:cn|com|net|org|cc|top|vip|io|me|xyz|info)\b)[^\s，。；！？、]*\{\{", re.I
)
_SHORT_COST = re.compile("日息|日利率|日费率|月息|月利率|月费率|手续费|服务费|分期费")


def _braces(text: str, wording: Wording) -> Iterator[Finding]:
    try:
        strange = content.unknown(text, wording.known)
    except content.TextError as error:
        yield Finding("placeholder", "error", str(error))
        return
    for name in strange:
        sentence = _("{{%(name)s}} is not a value that may be used. Pick one from the list.") % {"name": name}
        yield Finding("unknown", "error", sentence)


def _brackets(text: str) -> Iterator[Finding]:
    if re.search("[【】]", text):
        sentence = _("The signature is put in front by itself. Remove 【】 from the text, or the gateway refuses it.")
        yield Finding("brackets", "error", sentence)


def _opt_out(text: str, wording: Wording) -> Iterator[Finding]:
    if not wording.opt_out.strip():
        sentence = _(
            "The text does not say how to refuse further messages. Set the opt-out wording in the contact policy."
        )
        yield Finding("opt_out", "error", sentence)
    elif wording.opt_out not in text and re.search("退订|拒收", text):
        sentence = _("The opt-out wording “%(words)s” is added at the end; remove the second one.")
        yield Finding("opt_out_twice", "warning", sentence % {"words": wording.opt_out})


def _special(text: str, profile: content.Profile) -> Iterator[Finding]:
    plain = re.sub(r"\{\{[^{}]*\}\}", "", text)
    if found := sorted(set(_SPECIAL.findall(plain))):
        sentence = _("Gateways refuse these characters: %(characters)s. Write them out in words.")
        yield Finding("special", "error", sentence % {"characters": " ".join(found)})
    if profile == "cn" and _EMOJI.search(plain):
        yield Finding(
            "emoji", "error", _("The text holds an emoji; many phones and gateways drop or refuse it. Remove it.")
        )


def _rate(text: str, kind: str, wording: Wording) -> Iterator[Finding]:
    if kind not in CREDIT:
        return
    disclosed = any("{{" + name + "}}" in text for name in content.BUILT_IN["annual_rate"])
    if not disclosed:
        sentence = _("A text about a loan or a card must state the annual rate. Add {{年化利率}}.")
        yield Finding("annual_rate", "error", sentence)
    if not disclosed and (found := _SHORT_COST.search(folded(text))):
        sentence = _("“%(words)s” may only stand beside the annual rate. Add {{年化利率}}, or remove it.")
        yield Finding("short_cost", "error", sentence % {"words": found.group()})
    if disclosed and not wording.annual_rate:
        yield Finding("no_rate", "error", _("The product has no annual rate yet. Enter it with the product first."))


def _link(text: str) -> Iterator[Finding]:
    if _VARIABLE_LINK.search(text):
        sentence = _("A link may not hold a value that differs per person: gateways only pass links filed in advance.")
        yield Finding("variable_link", "error", sentence)


def _length(text: str, wording: Wording) -> Iterator[Finding]:
    whole = content.compose(wording.signature, text, wording.opt_out)
    try:
        widest = content.sms_parts(content.longest(whole, wording.max_values), wording.profile)
    except content.TextError:
        return
    if wording.profile == "cn" and widest.length > content.CN_MAX:
        sentence = _(
            "With signature and opt-out wording the text has up to %(length)s characters; %(limit)s is the limit."
        )
        yield Finding("too_long", "error", sentence % {"length": widest.length, "limit": content.CN_MAX})


def lint(text: str, kind: str, wording: Wording) -> list[Finding]:
    """Check the body of a text for a product kind against the policy's wording; errors come first."""
    if not text.strip():
        return [Finding("empty", "error", _("There is no text yet."))]
    found = [
        *_braces(text, wording),
        *_brackets(text),
        *_opt_out(text, wording),
        *_special(text, wording.profile),
        *_banned(text, kind),
        *_rate(text, kind, wording),
        *_link(text),
        *_length(text, wording),
    ]
    return sorted(found, key=lambda finding: finding.level != "error")


def parts_warning(usual: content.Parts, widest: content.Parts) -> Finding | None:
    """Warn when somebody's values are long enough to cost more parts than the sample shown."""
    if widest.count <= usual.count:
        return None
    sentence = _("With the longest values the text takes %(widest)s parts instead of %(usual)s, and costs accordingly.")
    return Finding("more_parts", "warning", sentence % {"widest": widest.count, "usual": usual.count})
