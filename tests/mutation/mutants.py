"""Small defects of a module, each made by changing one node of its syntax tree."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Edit = Callable[[], None]
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
}  # fmt: skip
# Their bodies are no behaviour of the module: types, texts for people, and what the type checker alone reads.
UNTOUCHED = (ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)
LEAVES = (ast.Raise, ast.Return, ast.Continue, ast.Break)
LOGGERS = ("LOGGER", "_LOGGER", "_LOG", "_log", "LOG", "logger", "log", "logging")


@dataclass(frozen=True)
class Mutant:
    """One defect. ``function``, ``change`` and ``occurrence`` name it as long as the code around it only moves."""

    module: str
    function: str
    change: str
    occurrence: int
    line: int
    index: int

    @property
    def name(self) -> str:
        """The mutant in one line."""
        again = f" #{self.occurrence}" if self.occurrence > 1 else ""
        return f"{self.module}:{self.function}: {self.change}{again}"


class Sites(ast.NodeVisitor):
    """Every place of a tree that can be changed, in the order of the text, with the edit that changes it."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: list[tuple[str, str, int, Edit]] = []
        self._scope: list[str] = []
        self._statements(tree, "body")

    def _add(self, node: ast.expr | ast.stmt, before: str, after: str, edit: Edit) -> None:
        self.found.append((".".join(self._scope) or "-", f"{before} -> {after}", node.lineno, edit))

    def _statements(self, owner: ast.AST, name: str) -> None:
        for statement in list(getattr(owner, name, ())):
            if _can_go(statement):
                self._add(statement, _text(statement), "pass", _dropping(owner, name, statement))
            self.visit(statement)

    def _bodies(self, node: ast.AST) -> None:
        for name in ("body", "orelse", "finalbody"):
            self._statements(node, name)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """The defaults and the body, under the name."""
        self._scope.append(node.name)
        if not isinstance(node, ast.ClassDef):
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    self.visit(default)
        self._statements(node, "body")
        self._scope.pop()

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef  # noqa: N815  the names that ast.NodeVisitor calls

    def visit(self, node: ast.AST) -> None:
        """Look at a node unless it is none of the module's behaviour; of a refusal only whether it is made."""
        if not isinstance(node, (*UNTOUCHED, ast.Raise)):
            super().visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """What is told to the log is no behaviour that a rule depends on."""
        if not _is_log(node):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The value, not the type."""
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        """A guard that never closes, and what is inside."""
        if _text(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node.body[-1], LEAVES):
            self._add(node, f"if {_text(node.test)}", "if False", lambda: setattr(node, "test", ast.Constant(False)))
        self.visit(node.test)
        self._bodies(node)

    def visit_For(self, node: ast.For) -> None:
        """The iterable and the bodies."""
        self.visit(node.iter)
        self._bodies(node)

    def visit_While(self, node: ast.While) -> None:
        """The condition and the bodies."""
        self.visit(node.test)
        self._bodies(node)

    def visit_With(self, node: ast.With) -> None:
        """The contexts and the body."""
        for item in node.items:
            self.visit(item.context_expr)
        self._bodies(node)

    def visit_Try(self, node: ast.Try) -> None:
        """The bodies and the handlers."""
        self._statements(node, "body")
        for handler in node.handlers:
            self._statements(handler, "body")
        self._statements(node, "orelse")
        self._statements(node, "finalbody")

    def visit_Compare(self, node: ast.Compare) -> None:
        """Each comparison by its neighbour."""
        for place, operator in enumerate(node.ops):
            self._swap(node, operator, lambda new, place=place: node.ops.__setitem__(place, new))
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """``and`` by ``or`` and back."""
        self._swap(node, node.op, lambda new: setattr(node, "op", new))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """An operation by its neighbour."""
        self._swap(node, node.op, lambda new: setattr(node, "op", new))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """``not x`` by ``x``."""
        if isinstance(node.op, ast.Not):
            before = _text(node)
            # ``not not x`` is x for every condition; the node itself stays where its parent holds it.
            operand = node.operand
            self._add(node, before, _text(operand), lambda: setattr(node, "operand", ast.UnaryOp(ast.Not(), operand)))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A truth value by the other; a whole number by the next."""
        old = node.value
        if isinstance(old, bool):
            self._add(node, f"{old}", f"{not old}", lambda: setattr(node, "value", not old))
        elif isinstance(old, int):
            self._add(node, f"{old}", f"{old + 1}", lambda: setattr(node, "value", old + 1))

    def _swap(self, node: ast.expr, operator: ast.AST, put: Callable[[ast.AST], object]) -> None:
        new = SWAPS.get(type(operator))
        if new is None:
            return
        before = _text(node)
        put(new())
        after = _text(node)
        put(operator)
        self._add(node, before, after, lambda: put(new()))


def _can_go(statement: ast.stmt) -> bool:
    """A refusal, or a call for its effect."""
    if isinstance(statement, ast.Raise):
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call | ast.Await) and not _is_log(statement)


def _is_log(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and _text(call.func).split(".", maxsplit=1)[0] in LOGGERS


def _dropping(owner: ast.AST, name: str, statement: ast.stmt) -> Edit:
    def drop() -> None:
        block = getattr(owner, name)
        block[block.index(statement)] = ast.Pass()

    return drop


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def mutants(module: str, source: str) -> Iterator[Mutant]:
    r"""Every defect of a module that can be made.

    >>> [mutant.change for mutant in mutants("m", "def late(day, end):\n    return day > end")]
    ['day > end -> day >= end']
    """
    seen: Counter[tuple[str, str]] = Counter()
    for index, (function, change, line, _) in enumerate(Sites(ast.parse(source)).found):
        seen[function, change] += 1
        yield Mutant(module, function, change, seen[function, change], line, index)


def broken(source: str, mutant: Mutant) -> ast.Module:
    """The module's tree with one defect."""
    tree = ast.parse(source)
    Sites(tree).found[mutant.index][3]()
    return ast.fix_missing_locations(tree)
