"""Arithmetic on a text, exact in decimals and bounded in size. Nothing is ever evaluated as code.

The text is parsed with `ast`; only what stands in the tables below is computed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Final

from augenblick.tools.mistakes import CallMistake

_MAX_CHARACTERS: Final = 500
_MAX_EXPONENT: Final = 1_000
_DIGITS: Final = 28  # of the result; two more guard digits than that are lost in no sum of prices
_WORKING_DIGITS: Final = 50
_PLAIN_EXPONENT: Final = 21  # larger and smaller ones are written with a power of ten
_CONSTANTS: Final = {
    "pi": Decimal("3.14159265358979323846264338327950288419716939937511"),
    "e": Decimal("2.71828182845904523536028747135266249775724709369996"),
}
_SIGNS: Final = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "\0"})  # noqa: RUF001 - as people write them

_TWO: Final[dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_ONE: Final[dict[type[ast.unaryop], Callable[[Decimal], Decimal]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_OF_ONE: Final[dict[str, Callable[[Decimal], Decimal]]] = {
    "abs": abs,
    "sqrt": Decimal.sqrt,
    "exp": Decimal.exp,
    "ln": Decimal.ln,
    "log": Decimal.ln,
    "log10": Decimal.log10,
    "floor": lambda value: value.to_integral_value(ROUND_FLOOR),
    "ceil": lambda value: value.to_integral_value(ROUND_CEILING),
}
_OF_MANY: Final[dict[str, Callable[[list[Decimal]], Decimal]]] = {
    "min": min,
    "max": max,
    "sum": lambda values: sum(values, Decimal(0)),
}


def calculate(expression: str) -> str:
    """The value of an expression as a plain decimal number. Raises CallMistake."""
    if len(expression) > _MAX_CHARACTERS:
        raise CallMistake(f"The expression is longer than {_MAX_CHARACTERS} characters.")
    text = expression.strip().translate(_SIGNS).replace("\0", "**")
    context = Context(
        prec=_WORKING_DIGITS,
        rounding=ROUND_HALF_UP,
        Emax=9_999,
        Emin=-9_999,
        traps=[DivisionByZero, InvalidOperation, Overflow],
    )
    try:
        tree = ast.parse(text, mode="eval")
        with localcontext(context):
            return _written(_value(tree.body, text))
    except DivisionByZero:
        raise CallMistake("Division by zero.") from None
    except Overflow:
        raise CallMistake("The result is too large.") from None
    except DecimalException:
        raise CallMistake("The result is not a real number.") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CallMistake("This is no arithmetic expression.") from None


def _value(node: ast.expr, text: str) -> Decimal:
    match node:
        case ast.Constant():
            return _number(node, text)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=sign, operand=inner) if type(sign) in _ONE:
            return _ONE[type(sign)](_value(inner, text))
        case ast.BinOp(left=left, op=sign, right=right):
            return _joined(type(sign), _value(left, text), _value(right, text))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _called(name, [_value(argument, text) for argument in _listed(arguments)])
        case _:
            raise CallMistake(f"{_shown(node, text)} can't be calculated here.")


def _listed(arguments: list[ast.expr]) -> list[ast.expr]:
    """The arguments of a call, those in one list among them: `sum([1, 2])`."""
    match arguments:
        case [ast.List(elts=inner)] | [ast.Tuple(elts=inner)]:
            return inner
        case _:
            return arguments


def _number(node: ast.Constant, text: str) -> Decimal:
    """A number with every digit it was written with."""
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise CallMistake(f"{_shown(node, text)} is no number.")
    if isinstance(node.value, int):
        return +Decimal(node.value)
    return +Decimal(ast.get_source_segment(text, node) or repr(node.value))


def _joined(sign: type[ast.operator], left: Decimal, right: Decimal) -> Decimal:
    if sign in _TWO:
        return _TWO[sign](left, right)
    if sign is ast.Pow:
        if abs(right) > _MAX_EXPONENT:
            raise CallMistake(f"An exponent may be {_MAX_EXPONENT} at most.")
        return left**right
    if sign in {ast.FloorDiv, ast.Mod}:
        whole = (left / right).to_integral_value(ROUND_FLOOR)
        return whole if sign is ast.FloorDiv else left - whole * right
    raise CallMistake("Only + - * / // % ** are known.")


def _called(name: str, values: list[Decimal]) -> Decimal:
    if name in _OF_ONE and len(values) == 1:
        return _OF_ONE[name](values[0])
    if name in _OF_MANY and values:
        return _OF_MANY[name](values)
    if name == "round" and len(values) in {1, 2}:
        return _rounded(*values)
    known = ", ".join(sorted([*_OF_ONE, *_OF_MANY, "round"]))
    raise CallMistake(f"{name[:40]} with {len(values)} values is not known; there are: {known}.")


def _rounded(value: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
    if digits != digits.to_integral_value() or abs(digits) > _DIGITS:
        raise CallMistake("The digits to round to must be a small whole number.")
    return value.quantize(Decimal(1).scaleb(-int(digits)))


def _written(value: Decimal) -> str:
    """The value with at most 28 digits, without noughts that say nothing."""
    short = Context(prec=_DIGITS, rounding=ROUND_HALF_UP).plus(value)
    if not short:
        return "0"
    is_plain = -_PLAIN_EXPONENT <= short.adjusted() < _DIGITS
    plain = format(short, "f") if is_plain else str(short.normalize())
    return plain.rstrip("0").rstrip(".") if "." in plain and is_plain else plain


def _shown(node: ast.expr, text: str) -> str:
    return (ast.get_source_segment(text, node) or "This")[:60]
