"""The closed lists that a style is counted by: roles of sections, words of authors, marks of tone, forms of figures.

English, and German where a list of its own costs little; another language shares what is no word: lengths,
cases, figures, layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from strop.types.style import Role, Writing

ROLES: tuple[tuple[Role, re.Pattern[str]], ...] = tuple(
    (role, re.compile(rf"\b(?:{words})", re.IGNORECASE))
    for role, words in (
        (Role.SUMMARY, "summary|abstract|overview|at a glance|in brief|key points|highlights|zusammenfassung"),
        (Role.NEXT, "next steps?|what now|what happens next|action items|way forward|nächste schritte"),
        (
            Role.RECOMMENDATIONS,
            "recommend|what (?:you|to|should)|what we (?:propose|suggest)|proposal|advice|empfehlung",
        ),
        (Role.CONCLUSION, "conclu|closing|verdict|outlook|fazit|schluss|ausblick"),
        (Role.INTRODUCTION, "introduc|purpose|about this|scope|einleitung|einführung"),
        (Role.BACKGROUND, "background|context|history|hintergrund|ausgangslage"),
        (Role.METHOD, "method|approach|how we|materials|vorgehen|methode"),
        (Role.RISKS, "risk|limit|caveat|concern|what could go wrong|risik|grenzen"),
        (Role.FINDINGS, "finding|result|analysis|what we (?:found|saw)|figures|ergebnis|befund"),
        (Role.DISCUSSION, "discussion|implication|what (?:it|this) means|diskussion|bedeutung"),
        (Role.SOURCES, "source|reference|bibliograph|literature|quellen|literatur"),
        (Role.APPENDIX, "appendix|annex|anhang|anlage"),
    )
)

FUNCTION_WORDS: tuple[str, ...] = tuple(
    "the of and to a in that is was for it with as on be by this but at from are not or have an which their has its "
    "were been had they we you i he all there more when so than if no about would these our can will one what such "
    "into only also may then should must between where each before after because while however therefore thus "
    "der die das und zu von mit auf für ist nicht sich auch ein eine als dass wird sind wir sie es".split()
)

TONE: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "i": r"\b(?:I|me|my|mine|ich|mein\w*)\b(?![.\w])",
        "we": r"\b(?:we|us|our|ours|wir|uns|unser\w*)\b",
        "you": r"\b(?:you|your|yours|Ihnen|Ihr\w*)\b",
        "hedge": r"\b(?:may|might|could|perhaps|possibly|probably|likely|appears?|seems?|suggests?|somewhat|rather"
        r"|roughly|about|vielleicht|vermutlich|wohl|etwa)\b",
        "booster": r"\b(?:clearly|certainly|definitely|always|never|must|strongly|obviously|very|highly"
        r"|significant(?:ly)?|sicher|eindeutig|immer|nie|sehr)\b",
        "passive": r"\b(?:is|are|was|were|be|been|being|wird|werden|wurden?)\s+(?:\w+ly\s+)?(?:\w+ed|ge\w+t|made|done"
        r"|given|taken|found|shown|seen|held|kept|known|written)\b",
        "contraction": r"\b\w+(?:n't|'(?:re|ve|ll|d|m))\b|\b(?:it|that|there|what|let)'s\b",
        "imperative": r"(?:^|[.!?:]\s+|\n[-*\u2022]?\s*)(?:use|see|note|consider|make|keep|do|ask|check|add|start|stop"
        r"|take|put|avoid|choose|remember|look|try|read)\b",
        "question": r"\?",
        "exclamation": r"!",
        "colon": r":(?=\s)",
        "semicolon": r";",
        "dash": r"\s[\u2013\u2014-]\s|\u2014",
        "bracket": r"\(",
    }.items()
}

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?|Januar|Februar|März|Mai|Juni|Juli|Oktober|Dezember)\.?"
)
WRITING: Mapping[Writing, re.Pattern[str]] = {
    Writing.THOUSANDS_COMMA: re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])"),
    Writing.THOUSANDS_POINT: re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])"),
    Writing.THOUSANDS_SPACE: re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)"),
    Writing.DECIMAL_POINT: re.compile(r"(?<![\d.])\d+\.\d{1,2}(?![\d.])"),
    Writing.DECIMAL_COMMA: re.compile(r"(?<![\d,])\d+,\d{1,2}(?![\d,])"),
    Writing.PERCENT_TIGHT: re.compile(r"\d%"),
    Writing.PERCENT_SPACED: re.compile(r"\d[ \u00a0\u202f]%"),
    Writing.PERCENT_WORD: re.compile(r"\d\s+(?:percent|per cent|Prozent)\b"),
    Writing.MONEY_BEFORE: re.compile(r"[$€£¥]\s?\d"),
    Writing.MONEY_AFTER: re.compile(r"\d[ \u00a0]?[$€£¥]"),
    Writing.MONEY_CODE: re.compile(r"\b(?:USD|EUR|GBP|CHF|JPY)\s?\d|\d\s?(?:USD|EUR|GBP|CHF|JPY)\b"),
    Writing.DATE_ISO: re.compile(r"\b\d{4}-\d\d-\d\d\b"),
    Writing.DATE_DAY_FIRST: re.compile(rf"\b\d{{1,2}}\.? {_MONTH} \d{{4}}"),
    Writing.DATE_MONTH_FIRST: re.compile(rf"\b{_MONTH} \d{{1,2}}, \d{{4}}"),
    Writing.DATE_POINTS: re.compile(r"\b\d{1,2}\.\d{1,2}\.\d{4}\b"),
    Writing.DATE_SLASHES: re.compile(r"\b\d{1,2}/\d{1,2}/\d{4}\b"),
}
