"""A small catalogue with every type of field, and the naive meaning of its columns."""

from segments.fields import Choice, Field, FieldType, Words

FIELDS = [
    Field("age", Words("年龄", "Age"), FieldType.NUMBER, unit=Words("岁", "years")),
    Field("euribor", Words("欧元利率", "Euribor 3m"), FieldType.NUMBER, unit=Words("%", "%")),
    Field("aum", Words("金融资产", "AUM"), FieldType.MONEY, unit=Words("元", "yuan")),
    Field("employer", Words("单位", "Employer"), FieldType.TEXT),
    Field(
        "job",
        Words("职业", "Occupation"),
        FieldType.CHOICE,
        choices=(
            Choice("teacher", Words("教师", "teacher")),
            Choice("doctor", Words("医生", "doctor")),
            Choice("clerk", Words("公务员", "civil servant")),
        ),
    ),
    Field("salaried", Words("代发工资客户", "Salary paid here"), FieldType.BOOLEAN),
    Field("overdue", Words("当前逾期", "Overdue now"), FieldType.BOOLEAN),
    Field("last_login", Words("最近登录", "Last sign-in"), FieldType.DATE),
]
CATALOGUE = {field.key: field for field in FIELDS}
