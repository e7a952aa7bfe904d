"""Who the demo bank's customers are: what does not change from month to month."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.draws import BLOCK, Bools, Floats, Ints, Stream, choose, choose_by_row, customer_numbers, generator, labels

OCCUPATIONS = ("salaried", "civil_servant", "self_employed", "student", "retired", "farmer", "other")
MARITAL = ("single", "married", "divorced", "widowed")
EDUCATION = ("junior", "high_school", "college", "bachelor", "master")

# One row per age band (under 23, 23–34, 35–49, 50–59, 60 and over), one column per occupation.
AGE_BANDS = np.array([23, 35, 50, 60])
OCCUPATION_BY_AGE = np.array(
    [
        [0.16, 0.01, 0.03, 0.72, 0.00, 0.02, 0.06],
        [0.61, 0.12, 0.15, 0.03, 0.00, 0.03, 0.06],
        [0.50, 0.12, 0.23, 0.00, 0.00, 0.08, 0.07],
        [0.38, 0.11, 0.20, 0.00, 0.11, 0.12, 0.08],
        [0.04, 0.01, 0.07, 0.00, 0.70, 0.13, 0.05],
    ]
)
MARITAL_BY_AGE = np.array(
    [
        [0.97, 0.03, 0.00, 0.00],
        [0.45, 0.51, 0.04, 0.00],
        [0.10, 0.79, 0.10, 0.01],
        [0.04, 0.82, 0.11, 0.03],
        [0.03, 0.76, 0.06, 0.15],
    ]
)
# Per occupation, in the order of OCCUPATIONS: usual monthly income in yuan, share whose salary is paid into this bank.
USUAL_INCOME = np.array([7200, 8200, 9000, 1200, 4300, 3600, 5000])
PAID_HERE = np.array([0.46, 0.62, 0.10, 0.03, 0.55, 0.04, 0.15])

# 142 and 143 followed by eight digits: no Chinese operator has been given these ranges, so no demo message can reach a
# person. Libraries that know the ranges call such a number possible, not valid.
PHONE_PREFIXES = (142, 143)

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
    "苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文海燕春生宇轩浩然子涵欣怡思远雨桐佳琪晨曦嘉铭若溪一诺"
    "博睿泽楷诗琳梓萱俊峰雪莹立新永康德昌家豪慧珍素云亚楠晓东少华景行知微清扬"
)

REGIONS = (
    ("城区", "Central"),
    ("东部", "East"),
    ("西部", "West"),
    ("南部", "South"),
    ("北部", "North"),
    ("沿江", "Riverside"),
)
# Invented places: (branch, English, city, city tier, region, share of customers in relative terms).
BRANCHES = (
    ("总行营业部", "Head Office Banking Hall", "云江市", 2, 0, 14), ("江滨支行", "Jiangbin", "云江市", 2, 0, 10),
    ("鼓楼支行", "Gulou", "云江市", 2, 0, 9), ("大学城支行", "University Town", "云江市", 2, 0, 7),
    ("科技园支行", "Science Park", "云江市", 2, 0, 7), ("火车站支行", "Railway Station", "云江市", 2, 0, 5),
    ("东湖支行", "Donghu", "东澜市", 3, 1, 6), ("东澜支行", "Donglan", "东澜市", 3, 1, 6),
    ("港口支行", "Harbour", "东澜市", 3, 1, 4), ("青石支行", "Qingshi", "青石县", 4, 1, 3),
    ("西陵支行", "Xiling", "西陵市", 3, 2, 5), ("凤山支行", "Fengshan", "西陵市", 3, 2, 4),
    ("松坪支行", "Songping", "松坪县", 4, 2, 3), ("柳溪支行", "Liuxi", "柳溪县", 4, 2, 2),
    ("南屏支行", "Nanping Road", "南屏市", 3, 3, 5), ("茶园支行", "Chayuan", "南屏市", 3, 3, 4),
    ("梅岭支行", "Meiling", "梅岭县", 4, 3, 3), ("白沙支行", "Baisha", "白沙县", 4, 3, 2),
    ("北辰支行", "Beichen", "北辰市", 3, 4, 5), ("开发区支行", "Development Zone", "北辰市", 3, 4, 4),
    ("石桥支行", "Shiqiao", "石桥县", 4, 4, 3), ("长洲支行", "Changzhou Island", "长洲市", 3, 5, 4),
    ("渡口支行", "Dukou", "长洲市", 3, 5, 3), ("芦苇镇支行", "Luwei Town", "芦苇县", 4, 5, 2),
)  # fmt: skip
RMS_PER_BRANCH = 8
_WEIGHTS = [float(branch[5]) for branch in BRANCHES]
_TIERS = np.array([branch[3] for branch in BRANCHES])
BRANCH_NUMBERS = tuple(f"B{n:03d}" for n in range(1, len(BRANCHES) + 1))


@dataclass(frozen=True)
class People:
    """One block of customers; every array has shape ``(BLOCK,)``.

    ``sequence`` counts customers from zero, ``numbers`` are their customer numbers; dates are days since 1970-01-01;
    ``income`` is yuan a month, paid here or not; ``wealth``, ``digital`` and ``risk`` are traits nobody sees in the
    files, about standard normal.
    """

    sequence: Ints
    numbers: pa.Array
    names: pa.Array
    phones: pa.Array
    gender: Ints
    branch: Ints
    rm_draw: Floats
    birth: Ints
    age: Ints
    occupation: Ints
    marital: Ints
    education: Ints
    city_tier: Ints
    opened: Ints
    insured: Bools
    income: Floats
    paid_here: Bools
    wealth: Floats
    digital: Floats
    risk: Floats
    missing: dict[str, Bools]


def people(seed: int, block: int, as_of: dt.date) -> People:
    """Draw one block of customers whose ages and account ages are those on ``as_of``."""
    rng = generator(seed, Stream.PEOPLE, block)
    today = (as_of - dt.date(1970, 1, 1)).days
    sequence = np.arange(block * BLOCK, (block + 1) * BLOCK)
    birth = today - (_exact_ages(rng) * 365.25).astype(np.int64)
    age = ages_on(birth, today)
    band = np.searchsorted(AGE_BANDS, age, side="right")
    occupation = choose_by_row(rng, OCCUPATION_BY_AGE[band])
    education = _education(rng, age, occupation)
    branch = choose(rng, _WEIGHTS)
    wealth, digital, risk = rng.standard_normal((3, BLOCK))
    gender = choose(rng, [0.51, 0.49])
    return People(
        sequence=sequence,
        numbers=customer_numbers(sequence),
        names=names(rng, BLOCK),
        phones=phones(seed, sequence),
        gender=gender,
        branch=branch,
        rm_draw=rng.random(BLOCK),
        birth=birth,
        age=age,
        occupation=occupation,
        marital=choose_by_row(rng, MARITAL_BY_AGE[band]),
        education=education,
        city_tier=_TIERS[branch],
        opened=_opening_days(rng, birth, today),
        insured=rng.random(BLOCK) < 0.12 + 0.16 * (age > 30),
        income=_incomes(rng, age, occupation, education, _TIERS[branch], wealth),
        paid_here=rng.random(BLOCK) < PAID_HERE[occupation],
        wealth=wealth,
        digital=digital + 0.035 * (45 - age) + 0.25 * (education - 2),
        risk=risk - 0.25 * wealth,
        missing=_missing(rng),
    )


# Shares of cells a real register leaves empty, per column.
MISSING = {
    "phone": 0.02,
    "occupation": 0.03,
    "marital": 0.04,
    "education": 0.06,
    "risk_grade": 0.04,
    "housing_fund_months": 0.08,
}


def _missing(rng: np.random.Generator) -> dict[str, Bools]:
    return {column: rng.random(BLOCK) < share for column, share in MISSING.items()}


def _exact_ages(rng: np.random.Generator) -> Floats:
    return np.interp(rng.random(BLOCK), [0, 0.015, 0.11, 0.36, 0.63, 0.82, 0.95, 1], [15, 18, 23, 34, 46, 58, 72, 91])


def ages_on(birth: Ints, day: int) -> Ints:
    """Return completed years of age on a day, the birthday itself included."""
    born = birth.astype("datetime64[D]")
    on = np.datetime64(day, "D")
    years = (on.astype("datetime64[Y]") - born.astype("datetime64[Y]")).astype(np.int64)
    return years - (_month_and_day(born) > _month_and_day(on))


def _month_and_day(dates: np.ndarray | np.datetime64) -> Ints:
    months = dates.astype("datetime64[M]")
    month = months.astype(np.int64) % 12
    return np.asarray(month * 100 + (dates - months.astype("datetime64[D]")).astype(np.int64))


def _education(rng: np.random.Generator, age: Ints, occupation: Ints) -> Ints:
    score = rng.standard_normal(BLOCK) + 0.02 * (45 - age) + 0.7 * (occupation == 1) - 0.9 * (occupation == 5)
    return np.digitize(np.where(age < 22, np.minimum(score, 0.4), score), [-0.9, -0.1, 0.5, 1.7])


def _opening_days(rng: np.random.Generator, birth: Ints, today: int) -> Ints:
    """Return the day each became a customer: at 16 the earliest, and seven years ago on average."""
    adult = birth + int(16 * 365.25)
    span = np.maximum(today - adult, 1)
    return today - np.minimum(rng.exponential(7 * 365.25, BLOCK), span * rng.random(BLOCK) ** 0.2).astype(np.int64)


def _incomes(
    rng: np.random.Generator, age: Ints, occupation: Ints, education: Ints, tier: Ints, wealth: Floats
) -> Floats:
    hump = -0.0006 * (age.clip(20, 65) - 46.0) ** 2
    noise = 0.28 * rng.standard_normal(BLOCK) + 0.18 * wealth
    return USUAL_INCOME[occupation] * np.exp(hump + 0.13 * (education - 2) - 0.10 * (tier - 2) + noise)


def names(rng: np.random.Generator, size: int) -> pa.Array:
    """Return invented Chinese names: a surname and one or two characters, put together by chance."""
    surnames = pa.array(list(SURNAMES)).take(pa.array(choose(rng, (1 / np.arange(2.0, len(SURNAMES) + 2)), size)))
    first = pa.array(list(GIVEN)).take(pa.array(rng.integers(0, len(GIVEN), size)))
    # An empty second character, for about one name in six.
    second_words = [*GIVEN, *([""] * (len(GIVEN) // 5))]
    second = pa.array(second_words).take(pa.array(rng.integers(0, len(second_words), size)))
    return pc.binary_join_element_wise(surnames, first, second, "")


def phones(seed: int, sequence: Ints) -> pa.Array:
    """Return 11-digit numbers in unassigned ranges, no two alike below 100 million customers."""
    # Multiplying by a number coprime with 10**8 permutes the eight digits, so neighbours do not look alike.
    digits = (sequence * 48_271_397 + seed * 7919 + 13_579_246) % 100_000_000
    prefix = np.array(PHONE_PREFIXES)[sequence % 2]
    return pc.cast(pa.array(prefix * 100_000_000 + digits), pa.string())


def spaced(phone: str) -> str:
    """Write a phone as people type it, ``142 1234 5678``: valid, and to be normalised by whoever reads it."""
    return f"{phone[:3]} {phone[3:7]} {phone[7:]}"


def branches_table() -> pa.Table:
    """Return branches.csv: one row per branch."""
    regions = [REGIONS[branch[4]] for branch in BRANCHES]
    return pa.table(
        {
            "branch_no": list(BRANCH_NUMBERS),
            "name_zh": [branch[0] for branch in BRANCHES],
            "name_en": [branch[1] if branch[1].endswith("Hall") else f"{branch[1]} Branch" for branch in BRANCHES],
            "region": [region[0] for region in regions],
            "city": [branch[2] for branch in BRANCHES],
        }
    )


def staff_table(seed: int) -> pa.Table:
    """Return staff.csv: per branch one manager, then its relationship managers."""
    per_branch = 1 + RMS_PER_BRANCH
    count = per_branch * len(BRANCHES)
    return pa.table(
        {
            "staff_no": [staff_number(n) for n in range(count)],
            "name": names(generator(seed, Stream.STAFF, 0), count),
            "branch_no": [BRANCH_NUMBERS[n // per_branch] for n in range(count)],
            "role": ["rm" if n % per_branch else "branch_manager" for n in range(count)],
            "department": pa.nulls(count, pa.string()),
        }
    )


def staff_number(position: int) -> str:
    """Return the staff number of the n-th member of staff, counted from zero."""
    return f"S{position + 1:05d}"


def relationship_managers(branch: Ints, draw: Floats, important: Bools) -> pa.Array:
    """Return each important customer's relationship manager, one of their branch; null for the others."""
    position = branch * (1 + RMS_PER_BRANCH) + 1 + (draw * RMS_PER_BRANCH).astype(np.int64)
    everyone = [staff_number(n) for n in range(len(BRANCHES) * (1 + RMS_PER_BRANCH))]
    return labels(everyone, position, ~important)
