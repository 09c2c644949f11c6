"""A question in words, made into an intent and slots by a closed vocabulary. What is not in the vocabulary is not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulator.ask.vocabulary import CJK, normal, phrases, shipped_methods

INTENTS = ("compare", "why", "reproduce", "what-if", "what-is", "lookup")
_KINDS = ("metric", "cost", "count", "task", "phase", "key")
_WORDS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_NUMBERS = {word: number for number, word in enumerate(_WORDS)}
_CJK = re.compile(rf"[{CJK}]")
_AMOUNT = r"(\d+(?:\.\d+)?|" + "|".join(_NUMBERS) + ")"
_HOURS = (
    (re.compile(rf"(?:first|opening) {_AMOUNT} hours?"), lambda n: (0.0, n)),
    (re.compile(rf"(?:last )?{_AMOUNT} hours? before (?:the )?(?:opening|sale)"), lambda n: (-n, 0.0)),
    (re.compile(r"first hour\b"), lambda _: (0.0, 1.0)),
    (re.compile(rf"hour {_AMOUNT}"), lambda n: (n, n + 1)),
    (re.compile(rf"{_AMOUNT} hours? (?:after|into|from)"), lambda n: (n, n + 1)),
    (re.compile(rf"(?:开场后?|前)\s*{_AMOUNT}\s*(?:个)?小时"), lambda n: (0.0, n)),
)
_SEED = re.compile(r"\bseed\s*(?:=|is|was|were)?\s*(\d+)|种子\s*(\d+)")
_SEEDS = re.compile(rf"\b{_AMOUNT} (?:more )?seeds\b")
_AGE = re.compile(r"(?:new|young|age of (?:an? )?|新)\s*(items?|users?|campaigns?|商品|用户|计划)")
_ENTITY = {"商品": "item", "用户": "user", "计划": "campaign"}
_VALUE = re.compile(
    r"(?:=|to|is|was|were|of|with|at|设为|为)\s*([-+]?\d+(?:\.\d+)?(?:e-?\d+)?\s*(?:ms|s|m|h|d)?)(?![\w.])"
)
_PLAIN_VALUE = re.compile(
    r"(?<![\d.])(\d+(?:\.\d+)?)\s*-?\s*(s|m|h|d|seconds?|minutes?|hours?|days?|小时|天|分钟)(?!\w)"
)
_UNITS = {"小时": "h", "天": "d", "分钟": "m"}
_FACTORS = {
    "doubled": 2.0,
    "twice": 2.0,
    "halved": 0.5,
    "half": 0.5,
    "tripled": 3.0,
    "翻倍": 2.0,
    "减半": 0.5,
}
_FROZEN = re.compile(r"doing nothing|do nothing|frozen(?: model)?|never updated|not updated|不更新")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked.

    Parameters
    ----------
    text : as it was typed, in small letters and one width of characters.
    intent : one of `INTENTS`.
    methods : names, in the order in which they were said; they need not be in any run.
    metric, cost, count, task : at most one of each, by its name in ``summary.json``.
    phase : a phase, or "opening".
    hours : hours from the opening, first and end; None if none were said.
    seed : the seed that was said; ``seeds``: how many were asked for.
    entity : the feature whose age was asked about.
    frozen : whether the method that is never updated was meant.
    key, value : what a what-if changes, and to what; ``factor`` by how much instead.
    """

    text: str
    intent: str
    methods: tuple[str, ...] = ()
    metric: str | None = None
    cost: str | None = None
    count: str | None = None
    task: str | None = None
    phase: str | None = None
    hours: tuple[float, float] | None = None
    seed: int | None = None
    seeds: int | None = None
    entity: str | None = None
    frozen: bool = False
    key: str | None = None
    value: str | None = None
    factor: float | None = None

    @property
    def of_results(self) -> bool:
        """Whether it names something that a run's files hold."""
        return bool(self.methods or self.metric or self.cost or self.count or self.hours or self.entity)


def parse(text: str, methods: Iterable[str] = ()) -> Question:
    """Make a question of a text; ``methods`` are names that may be meant, beside those that ship."""
    said = normal(text)
    named, rest = _methods(said, (*methods, *shipped_methods()))
    hours, rest = _hours(rest)
    seed, seeds = _seed(rest), _SEEDS.search(rest)
    intent = _intent(said)
    found = _slots(rest, what_if=intent == "what-if")
    aged = _AGE.search(rest)
    value, factor = _value(rest) if intent == "what-if" else (None, None)
    key = found.get("key") if intent == "what-if" else None
    return Question(
        said,
        intent,
        named,
        metric=found.get("metric"),
        cost=found.get("cost"),
        count=found.get("count"),
        task=found.get("task"),
        phase=found.get("phase"),
        hours=hours,
        seed=seed,
        seeds=int(_number(seeds[1])) if seeds else None,
        entity=_ENTITY.get(aged[1], aged[1].rstrip("s")) if aged else None,
        frozen=_FROZEN.search(said) is not None,
        key=key,
        value=value,
        factor=factor,
    )


def occurs(phrase: str, text: str) -> int:
    """Return where a phrase stands in a text as whole words, or -1. Chinese has no blanks between words."""
    if _CJK.search(phrase):
        return text.find(phrase)
    match = re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text)
    return match.start() if match else -1


def _methods(text: str, names: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Find names of methods, however they are hyphenated, longest first; return them and the text without them."""
    found: list[tuple[int, str]] = []
    for name in sorted(set(names), key=len, reverse=True):
        pieces = [re.escape(piece) for piece in re.split(r"[-_ .]+", normal(name)) if piece]
        if not pieces:
            continue
        pattern = re.compile(r"(?<![\w-])" + r"[-_ ]?".join(pieces) + r"(?![\w]|-\w)")
        found += [(match.start(), name) for match in pattern.finditer(text)]
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return tuple(dict.fromkeys(name for _, name in sorted(found))), text


def _hours(text: str) -> tuple[tuple[float, float] | None, str]:
    for pattern, bounds in _HOURS:
        if match := pattern.search(text):
            amount = _number(match[1]) if match.groups() else 1.0
            return bounds(amount), text[: match.start()] + " " * len(match[0]) + text[match.end() :]
    return None, text


def _number(word: str) -> float:
    return float(_NUMBERS.get(word, word))


def _seed(text: str) -> int | None:
    match = _SEED.search(text)
    return int(match[1] or match[2]) if match else None


def _intent(text: str) -> str:
    """Return the intent: the first of the order below whose words are said; "what is the AUC of x" looks up."""
    found = {name for phrase, (_, name) in phrases("intent").items() if occurs(phrase, text) >= 0}
    for name in ("why", "what-if", "reproduce", "compare", "what-is"):
        if name in found:
            return name
    return "lookup"


def _slots(text: str, *, what_if: bool) -> Mapping[str, str]:
    """Fill each slot with the name of its longest phrase; what one phrase covers is no other's."""
    table = phrases(*(kind for kind in _KINDS if what_if or kind != "key"))
    found: dict[str, str] = {}
    for phrase in sorted(table, key=len, reverse=True):
        where = occurs(phrase, text)
        kind, name = table[phrase]
        if where >= 0 and kind not in found:
            found[kind] = name
            text = text[:where] + " " * len(phrase) + text[where + len(phrase) :]
    return found


def _value(text: str) -> tuple[str | None, float | None]:
    for word, factor in _FACTORS.items():
        if occurs(word, text) >= 0:
            return None, factor
    if match := _PLAIN_VALUE.search(text):
        return match[1] + _UNITS.get(match[2], match[2][0]), None
    if match := _VALUE.search(text):
        return match[1].replace(" ", ""), None
    return None, None
