"""Questions in Chinese, which has no blanks between words and often none around the field's English ones."""

from __future__ import annotations

import pytest

from simulator.ask.question import parse


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("大促前哪个方法PCOC最好", {"phase": "anticipation", "metric": "pcoc"}),
        ("双11当天es-dfm的AUC是多少", {"phase": "promotion", "metric": "auc", "methods": ("es-dfm",)}),
        (
            "双11前fnw比es-dfm校准差多少",
            {"phase": "anticipation", "metric": "pcoc", "methods": ("fnw", "es-dfm")},
        ),
        ("返场时CTR的AUC", {"phase": "after", "metric": "auc", "task": "ctr"}),
        ("种子3里fnc的AUC", {"seed": 3, "methods": ("fnc",)}),
        ("开场后6小时es-dfm的PCOC", {"hours": (0.0, 6.0), "methods": ("es-dfm",), "metric": "pcoc"}),
    ],
)
def test_words_of_both_languages_may_touch(text, slots):
    asked = parse(text)
    assert {name: getattr(asked, name) for name in slots} == slots
