"""Refusals, canonical JSON, and the shapes of documents: docs/format.md, [Conventions]."""

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64
CONTROL = re.compile('[\0-\x1f\x7f-\x9f]')
NONCHARACTER = re.compile(
    '[\ufdd0-\ufdef'
    + ''.join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + ']'
)
IGNORABLE = re.compile(
    '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e'
    '\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8'
    '\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
)
# What a name may not hold besides these three, and where it has no space
UNSEEN = re.compile(
    '[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000]|^ |  | \\Z'
)


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


# A shape takes a parsed value and returns it decoded (hex and base64 as bytes), or raises
# ValueError.
Shape = Callable[[Any], Any]


def check(condition: Any, message: str) -> None:
    if not condition:
        raise ValueError(message)


def ordered(value: Any, depth: int = MAX_DEPTH) -> Any:
    """The same value with members in JCS order (by UTF-16 units); ValueError for what is barred."""
    if type(value) in (dict, list):
        check(depth, f'nested deeper than {MAX_DEPTH}')
    if type(value) is dict:
        check('__proto__' not in value, 'a member called __proto__')
        names = sorted(value, key=lambda name: name.encode('utf-16-be'))
        return {name: ordered(value[name], depth - 1) for name in names}
    if type(value) is list:
        return [ordered(item, depth - 1) for item in value]
    check(type(value) in (int, bool, str), 'a value is null or not an integer')
    check(type(value) is not int or 0 <= value <= MAX_INTEGER, 'a number is out of range')
    return value


def canonical(value: Any) -> bytes:
    return json.dumps(ordered(value), ensure_ascii=False, separators=(',', ':')).encode()


def integer(low: int = 0, high: int = MAX_INTEGER) -> Shape:
    def shape(value: Any) -> int:
        check(type(value) is int and low <= value <= high, 'a number is out of range')
        return value

    return shape


def text(low: int = 0, high: int = MAX_INTEGER, plain: bool = False) -> Shape:
    """A string of `low` to `high` characters; `plain` forbids control characters."""

    def shape(value: Any) -> str:
        check(type(value) is str, 'a value is not a string')
        check(low <= len(value) <= high, 'a string has the wrong length')
        check(not plain or not CONTROL.search(value), 'a string has a control character')
        return value

    return shape


def name(high: int = 128) -> Shape:
    """A name of 1 to `high` characters."""
    plain = text(1, high, plain=True)

    def shape(value: Any) -> str:
        found = plain(value)
        found.encode()  # a UnicodeEncodeError, which is a ValueError, for half a surrogate pair
        unseen = any(rule.search(found) for rule in (NONCHARACTER, IGNORABLE, UNSEEN))
        check(not unseen, 'a name that does not look like what it is')
        return found

    return shape


def literal(*expected: Any) -> Shape:
    def shape(value: Any) -> Any:
        good = any(type(value) is type(one) and value == one for one in expected)
        check(good, f'expected one of {expected}')
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
    pattern = '[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z'
    check(type(value) is str and re.fullmatch(pattern, value), 'not a time')
    # Python has no year 0, which is a leap year as 2000 is
    datetime.strptime(value.replace('0000-', '2000-'), '%Y-%m-%dT%H:%M:%SZ')
    return value


def array(item: Shape, low: int = 0, high: int = MAX_INTEGER) -> Shape:
    def shape(value: Any) -> list:
        check(type(value) is list and low <= len(value) <= high, 'an array has the wrong length')
        return [item(element) for element in value]

    return shape


def row(*items: Shape) -> Shape:
    """An array of exactly these."""

    def shape(value: Any) -> list:
        check(type(value) is list and len(value) == len(items), 'an array has the wrong length')
        return [item(element) for item, element in zip(items, value)]

    return shape


def record(optional: dict[str, Shape] | None = None, /, **members: Shape) -> Shape:
    """An object with all of `members`, perhaps some of `optional`, and nothing else."""
    every = members | (optional or {})

    def shape(value: Any) -> dict:
        check(type(value) is dict, 'a value is not an object')
        check(members.keys() <= value.keys() <= every.keys(), 'members are missing or unknown')
        return {name: every[name](value[name]) for name in value}

    return shape


def digits(spelling: str) -> int:
    check(spelling.isdigit(), f'{spelling[:20]} is not an integer from 0 on')
    return int(spelling)


def not_an_integer(spelling: str) -> NoReturn:
    raise ValueError(f'{spelling[:20]} is not an integer')


def once(pairs: list[tuple[str, Any]]) -> dict:
    check(len(dict(pairs)) == len(pairs), 'a member appears twice')
    return dict(pairs)


def parse(code: str, data: bytes, shape: Shape, any_layout: bool = False) -> Any:
    """One document, decoded by its shape; canonical unless it may have any layout."""
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=once,
            parse_int=digits,
            parse_float=not_an_integer,
            parse_constant=not_an_integer,
        )
        # Also in any layout, for the values that are barred
        spelled = canonical(value)
        check(any_layout or spelled == data, 'not canonical')
        return shape(value)
    except (ValueError, RecursionError) as error:
        refuse(code, f'bad document: {error}')
