"""What an A2A request's JSON says, by a full parser; and bodies, good and bad, to ask both."""

import json
import random

from hypothesis import strategies as st

ROOM = 128
RPC = {"jsonrpc": 0, "method": 1, "id": 2, "params": 9}
PARAMS = {"id": 3, "taskId": 4, "task_id": 4, "contextId": 5, "context_id": 5, "message": 10}
MESSAGE = {"taskId": 6, "task_id": 6, "contextId": 7, "context_id": 7, "messageId": 8, "message_id": 8}
LEVELS = (RPC, PARAMS, MESSAGE)
REST = ({**PARAMS, "method": 1}, MESSAGE)  # a method there would be an envelope
INVALID, NO_OBJECT, AMBIGUOUS, VERSION = 1, 2, 3, 5


class Members(list):
    """An object as its members in order, so that those that come twice are seen."""


class Number:
    """A number, of whatever value."""

    def __init__(self, written):
        self.written = written


class AmbiguousError(Exception):
    """A member twice, or in another case."""


def refuse(word):
    raise ValueError(word)


def parse(body):
    """As strict as RFC 8259: UTF-8 without a mark, no NaN."""
    return json.loads(
        body.decode("utf-8"), object_pairs_hook=Members, parse_constant=refuse, parse_int=Number, parse_float=Number
    )


def fold(name):
    return name.replace("\u017f", "s").replace("\u212a", "k").lower()


def oracle(body, *, rest=False):
    """What the scan must say, from all of the body at once."""
    texts = [None] * 9
    try:
        root = parse(body)
    except (ValueError, RecursionError):
        return INVALID, None
    if not isinstance(root, Members):
        return NO_OBJECT, None
    try:
        read(root, REST if rest else LEVELS, texts)
    except AmbiguousError:
        return AMBIGUOUS, None
    return (0 if rest or texts[0] == b"2.0" else VERSION), tuple(texts)


def read(members, levels, texts):
    names, seen = levels[0], set()
    for name, value in members:
        if "\0" in name:
            raise AmbiguousError
        slot = next((slot for known, slot in names.items() if fold(known) == fold(name)), None)
        if slot is None:
            continue
        if name not in names or slot in seen:
            raise AmbiguousError
        seen.add(slot)
        if slot >= 9:
            if isinstance(value, Members):
                read(value, levels[1:], texts)
        else:
            texts[slot] = text(value)


def text(value):
    """What is kept of a member that should be a string."""
    if not isinstance(value, str):
        return None
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return None
    return raw if len(raw) <= ROOM else None


def cuts(body, seed):
    """The body in pieces."""
    pick = random.Random(seed)
    at = sorted(pick.randrange(len(body) + 1) for _ in range(pick.randrange(6)))
    return [body[start:end] for start, end in zip([0, *at], [*at, len(body)], strict=True)]


NAMES = st.sampled_from(
    [
        "jsonrpc",
        "method",
        "id",
        "params",
        "message",
        "taskId",
        "task_id",
        "contextId",
        "messageId",
        "Method",
        "tas\u212aId",
        "",
        "x",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=150)
    | st.sampled_from(["2.0", "message/send", "\ud800", "\udc00\ud83d", "\U0001f600", "\\", '"', "a" * 129])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=5).map(Members),
    max_leaves=12,
)
ENVELOPES = st.lists(
    st.tuples(NAMES, VALUES)
    | st.just(("jsonrpc", "2.0"))
    | st.tuples(st.just("params"), st.lists(st.tuples(NAMES, VALUES), max_size=5).map(Members)),
    max_size=6,
).map(Members)


def near(name):
    """A name, and those that differ from it by a byte or by their case."""
    yield from (name, name + name[-1], name.upper(), name.title())
    for at in range(len(name)):
        before, after = name[:at], name[at + 1 :]
        yield from (before + after, f"{before}~{after}", before + name[at].swapcase() + after)
        if name[at].lower() in "sk":
            yield before + {"s": "\u017f", "k": "\u212a"}[name[at].lower()] + after


def write(value, escape, space=" "):
    """JSON of a value whose objects are Members; space: before each colon and behind each comma of an array."""
    if isinstance(value, Members):
        members = (f"{write(name, escape)}{space}:{write(member, escape, space)}" for name, member in value)
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{f',{space}'.join(write(each, escape, space) for each in value)}]"
    return json.dumps(
        value, ensure_ascii=escape or (isinstance(value, str) and any("\ud800" <= c < "\ue000" for c in value))
    )
