"""Input as somebody would write it who wants a service to fall over: seeded, so that every find can be had again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# What a JSON value may be, and what only looks like one. Texts as they stand in a body.
NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "nan", "inf", "-0", "-0.0", "1e400", "-1e400", "1e-400", "1E+999999999", "0x10", "01", "+1", ".5",
    "1."),
    *("9" * 39, "-" + "9" * 39, "9" * 5000, "0." + "3" * 39, "1e", "1_000", "--1", "\u0661\u0662", "1" + "0" * 400, "2147483648", "-1",
    "0"),
)  # fmt: skip
TEXTS = (
    *('""', '" "', '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\\uFFFF"', '"\\ufeff"', '"\u202e2018-02-05"', '"\U0001f4a9"',
    '"e\u0301"'),
    *('"2018-02-05\\n"', '"2018-02-30"', '"2018-2-5"', '"0000-00-00"', '"99999-01-01"', '"\uff12\uff10\uff11\uff18-02-05"', '"2018-02-04"'),
    *('"2018-02-05T00:00:00Z"', '"1517788800"', '"-1"', '"NaN"', '"null"', '"true"',
    "'single'", '"unfinished', '"\\x41"', '"\x01"', '"\t"'),
    *('"<script>alert(1)</script>"', '"${jndi:ldap://127.0.0.1/x}"', '"{{7*7}}"', '"../../etc/passwd"',
    "\"' OR '1'='1\"", '"%00"', '"%s%n"'),
    *('"=cmd|\'/C calc\'!A0"', '"+SUM(1)"', '"-2+3"', '"@SUM(1)"', '"\\t=1"', '"\\r=1"', '"=HYPERLINK(\\"http://x\\")"', '"|calc"'),
    *('"' + "A" * 5000 + '"', '"' + "\\u0041" * 3000 + '"', '"' + "\u00e9" * 3000 + '"', '"MARKET_CLOSE\u200b"', '"market_close"',
    '"LUNCH"'),
)  # fmt: skip
OTHERS = (
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[[]]",
    '{"a":{}}',
    "undefined",
    "",
    ",",
    "]",
    "}",
    "//x",
    "/*x*/1",
    "[1,]",
    '{"a":1,}',
    "\ufeff1",
)
GOOD_VALUES: Mapping[str, Sequence[str]] = {
    "session_date": ('"2018-02-05"', '"2018-02-06"'), "phase": ('"PRE_MARKET"', '"MID_DAY"'), "dry_run": ("true", "false"),
    "version": ("1", "1.0"), "action": ('"subscribe"', '"unsubscribe"', '"ping"'), "resume": ('"7-1042"', '"0-0"'), "id": ('"1"',),
    "channel": ('"day/2018-02-05"', '"portfolio/NS-1"', '"portfolio/HB-1"', '"symbol/AAPL"'),
}  # fmt: skip
ODD_NAMES = (
    "__proto__",
    "constructor",
    "tenant",
    "custom:tenant",
    "",
    " ",
    "$where",
    "a" * 300,
    "\u0000",
    "session_date ",
    "Phase",
    "\U0001f4a9",
    "=1+1",
)
# What stands in paths and queries; the gateway passes both on decoded.
WORDS = (
    *("", " ", ".", "..", "../..", "%2e%2e%2f", "NS-1", "ns-1", "NS-1\x00", "NS-1\n", "NS-1;x=1", "NS-1?x", "NS-1#x", "\u202eNS-1",
    "N\u03bf-1"),
    *("-", "_", "*", "NaN", "inf", "-0", "1e400", "9" * 39, "9" * 4400, "0", "-1", "true", "null", "[]", "{}", "\ufffd", "\ud800",
    "\U0001f4a9"),
    *("2018-02-05", "2018-02-04", "2018-13-45", "0001-01-01", "9999-12-31", "x" * 70, "x" * 9000, "=1+1", "@x", "+x", "-x", "\t=1",
    "'", '"', "<x>"),
    *("MARKET_CLOSE", "market_close", "mark_portfolios", "operations", "A" * 40, "%00", "%ff", "\u0661\u0662", "a b", "a+b", "a&b=c",
    "a=b"),
)  # fmt: skip


class Hostile:
    """Draws input.

    Args:
        seed: The same seed draws the same.
    """

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def value(self, depth: int = 0) -> str:
        """One JSON value, or what is taken for one."""
        draw = self._draw
        kind = draw.random()
        if depth < 4 and kind < 0.12:
            return "[" + ",".join(self.value(depth + 1) for _ in range(draw.randrange(4))) + "]"
        if depth < 4 and kind < 0.22:
            return self.mapping({}, depth + 1)
        return draw.choice(NUMBERS if kind < 0.5 else TEXTS if kind < 0.85 else OTHERS)

    def mapping(self, members: Mapping[str, Sequence[str]], depth: int = 0) -> str:
        """An object with some of these members, good and bad, some twice, and some that nobody knows."""
        draw, parts = self._draw, list[tuple[str, str]]()
        for name, good in members.items():
            for _ in range(draw.choice((0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2))):
                parts.append((name, draw.choice(good) if draw.random() < 0.8 else self.value(depth)))
        for _ in range(draw.choice((0, 0, 0, 1, 2))):
            parts.append((draw.choice(ODD_NAMES), self.value(depth)))
        draw.shuffle(parts)
        separator = draw.choice((":", ":", ":", " : ", "\n:\t", "=", "")) if draw.random() < 0.1 else ":"
        return "{" + ",".join(f"{json.dumps(name)}{separator}{value}" for name, value in parts) + "}"

    def body(self, members: Sequence[str], largest: int = 200_000) -> str:
        """A whole body or frame, meant for something that has these members."""
        draw, kind = self._draw, self._draw.random()
        whole = self.mapping({name: GOOD_VALUES[name] for name in members})
        forms: Sequence[tuple[float, Callable[[], str]]] = (
            (0.72, lambda: whole),
            (0.77, self.value),
            (0.80, lambda: whole[: draw.randrange(len(whole) + 1)]),
            (0.83, lambda: whole + draw.choice(("x", whole, "\x00", "\n\n", ",", "]", " " * 5000))),
            (0.86, lambda: draw.choice(("\ufeff", "\x00", ")]}',\n", "\u2028")) + whole),
            (0.89, lambda: draw.choice(("[", '{"a":', '[{"a":')) * draw.choice((10, 900, 20_000))),
            (0.92, lambda: self._scrambled(whole)),
            (0.94, lambda: whole.replace('"', "\ud800", 1)),
            (0.96, lambda: whole.encode().decode("latin-1")),
            (0.98, lambda: "".join(chr(draw.choice((draw.randrange(32), draw.randrange(0x3000),
            0xFFFD))) for _ in range(draw.randrange(300)))),
            (0.999, lambda: "" if draw.random() < 0.5 else " "),
            (1.0, lambda: '{"session_date":"' + "A" * draw.choice((64 * 1024, largest)) + '"}'),
        )  # fmt: skip
        return next(make() for limit, make in forms if kind <= limit)

    def _scrambled(self, text: str) -> str:
        """The text with some characters doubled, lost or replaced."""
        draw, letters = self._draw, list(text)
        for _ in range(draw.randrange(1, 6)):
            if letters:
                letters[draw.randrange(len(letters))] = draw.choice(("", '"', "\\", "{", "}", "\x00", "\ud83d", "9" * 40, "\u00e9"))
        return "".join(letters)

    def word(self) -> str:
        """A part of a path, a query's value, a header's."""
        return self._draw.choice(WORDS)

    def query(self, names: Sequence[str]) -> dict[str, list[str]]:
        """A query string, read: these names and others, some twice."""
        draw = self._draw
        chosen = [name for name in names if draw.random() < 0.4] + [self.word() for _ in range(draw.choice((0, 0, 0, 1)))]
        return {name: [self.word() for _ in range(draw.choice((1, 1, 1, 2)))] for name in chosen}

    def headers(self) -> dict[str, str]:
        """Headers beside or instead of the usual ones."""
        draw = self._draw
        kinds: Mapping[str, Sequence[str]] = {
            "Content-Type": ("text/plain", "text/csv", "application/json; charset=utf-16", "multipart/form-data", "application/xml", ";",
            "a/b/c",
                             "application/x-www-form-urlencoded", "application/vnd.x+json", "application/json" + ";a=b" * 200),
            "Accept": ("text/csv", "*/*", "text/html", "", "application/json;q=NaN"),
            "Host": ("x", "a:b:c", "a:port", "[::1]:80", "", ":", "x:99999999999999999999"),
            "X-Forwarded-Port": ("443, 8443", "port", "", "-1", "NaN", "9" * 5000),
            "X-Forwarded-Proto": ("ftp", "", "javascript"),
            "X-Forwarded-For": ("127.0.0.1", "', 1", "\x00"),
            "Content-Length": ("-1", "NaN", "0", "9" * 39, "many", "1, 2", ""),
            "Transfer-Encoding": ("chunked", "gzip"), "Content-Encoding": ("gzip", "br"), "Expect": ("100-continue",),
            "Range": ("bytes=0-9",),
            "X-HTTP-Method-Override": ("DELETE", "PUT"), "Cookie": ("a=b; tenant=harbor",), "Authorization": ("Bearer x", "\u00e9", ""),
            "Idempotency-Key": ("k", "two words", "k" * 500, "\u00e9", "\x00", "", "NaN", "=1+1", "\ud800"),
            "Accept-Language": ("\ud800", "x" * 9000),
        }  # fmt: skip
        return {name: draw.choice(values) for name, values in kinds.items() if draw.random() < 0.12}

    def pick(self, choices: Sequence[Any]) -> Any:
        """One of these."""
        return self._draw.choice(choices)

    def happens(self, chance: float) -> bool:
        """Whether something does."""
        return self._draw.random() < chance
