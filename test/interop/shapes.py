"""Refusals, canonical JSON, and the shapes of documents: docs/format.md, [Conventions]."""

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

MAX_INTEGER = 2**53 - 1
CONTROL = re.compile('[\0-\x1f\x7f-\x9f]')


class Refusal(Exception):
    """The archive, a card or an identity is not what it has to be. `code` is for programs."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def refuse(code: str, message: str) -> NoReturn:
    raise Refusal(code, message)


def require(condition: Any, code: str, message: str) -> None:
    if not condition:
        refuse(code, message)


def ordered(value: Any) -> Any:
    """The same value with members in JCS order (by UTF-16 units); ValueError for what is barred."""
    if type(value) is dict:
        names = sorted(value, key=lambda name: name.encode('utf-16-be'))
        return {name: ordered(value[name]) for name in names}
    if type(value) is list:
        return [ordered(item) for item in value]
    if type(value) is int and not 0 <= value <= MAX_INTEGER:
        raise ValueError('a number is not an integer from 0 to 2^53 - 1')
    if type(value) not in (int, bool, str):
        raise ValueError('a value is null or not an integer')
    return value


def canonical(value: Any) -> bytes:
    return json.dumps(ordered(value), ensure_ascii=False, separators=(',', ':')).encode()


# A shape takes a parsed value and returns it decoded (hex and base64 as bytes), or raises
# ValueError.
Shape = Callable[[Any], Any]


def check(condition: Any, message: str) -> None:
    if not condition:
        raise ValueError(message)


def integer(low: int = 0, high: int = MAX_INTEGER) -> Shape:
    def shape(value: Any) -> int:
        check(type(value) is int and low <= value <= high, 'a number is out of range')
        return value

    return shape


def text(low: int = 0, high: int = MAX_INTEGER, plain: bool = False) -> Shape:
    """A string of `low` to `high` UTF-16 units; `plain` forbids control characters."""

    def shape(value: Any) -> str:
        check(type(value) is str, 'a value is not a string')
        check(low <= len(value.encode('utf-16-be')) // 2 <= high, 'a string has the wrong length')
        check(not plain or not CONTROL.search(value), 'a string has a control character')
        return value

    return shape


def literal(expected: Any) -> Shape:
    def shape(value: Any) -> Any:
        check(type(value) is type(expected) and value == expected, f'expected {expected}')
        return value

    return shape


def hexadecimal(length: int) -> Shape:
    def shape(value: Any) -> bytes:
        check(type(value) is str and re.fullmatch('[0-9a-f]*', value), 'a value is not hex')
        check(len(value) == 2 * length, f'hex is not {length} bytes')
        return bytes.fromhex(value)

    return shape


def base64_of(length: int | None = None) -> Shape:
    def shape(value: Any) -> bytes:
        check(type(value) is str, 'a value is not base64')
        data = base64.b64decode(value.encode(), validate=True)
        check(base64.b64encode(data).decode() == value, 'base64 is not in its one spelling')
        check(length in (None, len(data)), f'base64 is not {length} bytes')
        return data

    return shape


def time(value: Any) -> str:
    """RFC 3339 in UTC with whole seconds. The strings sort as the times do."""
    check(type(value) is str and re.fullmatch(r'[0-9-]{10}T[0-9:]{8}Z', value), 'not a time')
    datetime.strptime(value, '%Y-%m-%dT%H:%M:%SZ')
    return value


def array(item: Shape, low: int = 0, high: int = MAX_INTEGER) -> Shape:
    def shape(value: Any) -> list:
        check(type(value) is list and low <= len(value) <= high, 'an array has the wrong length')
        return [item(element) for element in value]

    return shape


def record(members: dict[str, Shape], optional: dict[str, Shape] | None = None) -> Shape:
    """An object with all of `members`, perhaps some of `optional`, and nothing else."""
    every = members | (optional or {})

    def shape(value: Any) -> dict:
        check(type(value) is dict, 'a value is not an object')
        check(members.keys() <= value.keys() <= every.keys(), 'members are missing or unknown')
        return {name: every[name](value[name]) for name in value}

    return shape


SIGNATURES = array(record({'keyid': hexadecimal(32), 'sig': base64_of()}), 0, 2)


def not_an_integer(spelling: str) -> NoReturn:
    raise ValueError(f'{spelling[:20]} is not an integer')


def parse(code: str, data: bytes, shape: Shape) -> tuple[Any, Any]:
    """One canonical document: its parsed value, and the same decoded by `shape`."""
    try:
        value = json.loads(data.decode(), parse_float=not_an_integer, parse_constant=not_an_integer)
        check(canonical(value) == data, 'not canonical')
        return value, shape(value)
    except (ValueError, RecursionError) as error:
        refuse(code, f'bad document: {error}')
