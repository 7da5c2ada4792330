"""Salesforce's query language: the part that is asked here, with its rules of types, quotes and brackets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.simulators.salesforce.problems import Problem
from tests.simulators.salesforce.schema import Json

Row = Json
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\\n\r]|\\.)*')
    | (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z][A-Za-z0-9_]*)
    | (?P<sign><=|>=|!=|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "'": "'",
    '"': '"',
    "\\": "\\",
    "%": "\\%",
    "_": "\\_",
}
_LITERALS = {
    "int": "number", "double": "number", "currency": "number", "boolean": "word", "datetime": "moment", "date": "date",
}  # fmt: skip


@dataclass
class Query:
    fields: list[str] | None
    """None: COUNT()."""
    kind: str
    test: Test
    order: list[tuple[str, bool]]
    """Fields, and whether the last comes first."""
    most: int | None


def parse(text: str, fields_of: Callable[[str], dict[str, Json]]) -> Query:
    return _Parser(text, fields_of).query()


class _Parser:
    def __init__(self, text: str, fields_of: Callable[[str], dict[str, Json]]) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.fields_of = fields_of

    def query(self) -> Query:
        self.expect("SELECT")
        names: list[str] | None = None
        if self.take("COUNT"):
            self.expect("(")
            self.expect(")")
        else:
            names = [self.word()]
            while self.take(","):
                names.append(self.word())
        self.expect("FROM")
        kind = self.word()
        self.fields = self.fields_of(kind)
        self.kind = kind
        for name in names or []:
            self.field(name)
        test: Test = self.either() if self.take("WHERE") else lambda _row: True
        order: list[tuple[str, bool]] = []
        if self.take("ORDER"):
            self.expect("BY")
            order.append(self.ordered())
            while self.take(","):
                order.append(self.ordered())
        most = None
        if self.take("LIMIT"):
            most = int(self.kind_of("number"))
        if self.at < len(self.tokens):
            raise malformed(f"unexpected token: '{self.tokens[self.at][1]}'")
        return Query(names, kind, test, order, most)

    def either(self) -> Test:
        """Conditions joined by one word; AND and OR side by side need brackets."""
        tests, joint = [self.one()], None
        while self.at < len(self.tokens) and self.tokens[self.at][1].upper() in {"AND", "OR"}:
            word = self.tokens[self.at][1].upper()
            if joint not in {None, word}:
                raise malformed(f"unexpected token: {word}")
            joint, self.at = word, self.at + 1
            tests.append(self.one())
        whole = all if joint == "AND" else any
        return lambda row: whole([test(row) for test in tests])

    def one(self) -> Test:
        if self.take("("):
            inner = self.either()
            self.expect(")")
            return inner
        if self.take("NOT"):
            negated = self.one()
            return lambda row: not negated(row)
        name = self.word()
        field = self.field(name)
        if not field["filterable"]:
            raise Problem(400, "INVALID_FIELD", f"field '{name}' can not be filtered in a query call")
        operator = self.tokens[self.at][1].upper() if self.at < len(self.tokens) else ""
        self.at += 1
        if operator == "IN":
            self.expect("(")
            among = [self.value(field)[1]]
            while self.take(","):
                among.append(self.value(field)[1])
            self.expect(")")
            tests = [_compare(name, "=", one, exact=field["caseSensitive"]) for one in among]
            return lambda row: any(test(row) for test in tests)
        kind, value = self.value(field)
        if operator == "LIKE":
            if kind != "text":
                raise malformed("LIKE needs a text")
            pattern = _pattern(value)
            return lambda row: bool(pattern.fullmatch(str(row.get(name) or "")))
        if operator not in {"=", "!=", "<", "<=", ">", ">="}:
            raise malformed(f"unexpected token: '{operator}'")
        return _compare(name, operator, value, exact=field["caseSensitive"])

    def value(self, field: Json) -> tuple[str, Any]:
        if self.at >= len(self.tokens):
            raise malformed("unexpected end of query")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "word" and text.lower() == "null":
            return kind, None
        wanted = _LITERALS.get(field["type"], "text")
        if kind != wanted:
            quoted = (
                " and should be enclosed in quotes" if wanted == "text" else " and should not be enclosed in quotes"
            )
            message = f"value of filter criterion for field '{field['name']}' must be of type {field['type']}{quoted}"
            raise Problem(400, "INVALID_FIELD", message)
        if kind == "text" and field["type"] in {"id", "reference"} and not _ID.fullmatch(text[1:-1]):
            raise Problem(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text[1:-1]}")
        if kind == "text":
            return kind, _unquoted(text)
        if kind == "number":
            return kind, float(text)
        if kind == "date":
            return kind, text
        if kind == "moment":
            return kind, datetime.fromisoformat(text).timestamp()
        return kind, text.lower() == "true"

    def ordered(self) -> tuple[str, bool]:
        name = self.word()
        self.field(name)
        descending = self.take("DESC")
        if not descending:
            self.take("ASC")
        return name, descending

    def field(self, name: str) -> Json:
        if name not in self.fields:
            message = f"No such column '{name}' on entity '{self.kind}'. If you are attempting to use a custom field, …"
            raise Problem(400, "INVALID_FIELD", message)
        return self.fields[name]

    def take(self, wanted: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at][1].upper() == wanted:
            self.at += 1
            return True
        return False

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise malformed(f"expecting {wanted}")

    def word(self) -> str:
        return self.kind_of("word")

    def kind_of(self, kind: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != kind:
            raise malformed(f"expecting a {kind}")
        self.at += 1
        return self.tokens[self.at - 1][1]


def malformed(why: str) -> Problem:
    return Problem(400, "MALFORMED_QUERY", f"\nERROR at Row:1:Column:1\n{why}")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise malformed(f"line 1:{at} mismatched character")
        at = match.end()
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
    return found


def _unquoted(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise malformed(f"Illegal character escape \\{match[1]}")
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", one, text[1:-1])


def _pattern(value: str) -> re.Pattern[str]:
    parts = re.split(r"(\\[%_]|[%_])", value)
    made = {"%": ".*", "_": ".", r"\%": "%", r"\_": "_"}
    return re.compile("".join(made.get(part) or re.escape(part) for part in parts), re.IGNORECASE | re.DOTALL)


def _compare(name: str, operator: str, value: Any, *, exact: bool) -> Test:
    def plain(one: Any) -> Any:
        return one.casefold() if isinstance(one, str) and not exact else one

    wanted = plain(value)

    def holds(row: Row) -> bool:
        there = plain(row.get(name))
        if there == "":
            there = None
        if operator == "=":
            return bool(there == wanted)
        if operator == "!=":
            return bool(there != wanted)
        if there is None or wanted is None:
            return False
        return bool({"<": there < wanted, "<=": there <= wanted, ">": there > wanted, ">=": there >= wanted}[operator])

    return holds
