"""What an agent's answer says of its task, by a full parser; event streams, by their standard; and both, good and bad."""

from hypothesis import strategies as st

from tests.oracles.envelopes import AMBIGUOUS, INVALID, NO_OBJECT, AmbiguousError, Members, fold, parse, text

ANSWER = {"result": "result"}
STATUS = {"state": "state"}
INNER = {
    "id": "id",
    "taskId": "task",
    "task_id": "task",
    "contextId": "context",
    "context_id": "context",
    "status": "status",
}
WRAPPERS = ("task", "message", "statusUpdate", "status_update", "artifactUpdate", "artifact_update")
RESULT = {**INNER, **dict.fromkeys(WRAPPERS, "wrapped")}
WITHIN = {"result": RESULT, "wrapped": INNER, "status": STATUS}


def oracle(body, *, rest=False):
    """What the scan must say: (why not, (id of the task, of its context, state))."""
    try:
        root = parse(body)
    except (ValueError, RecursionError):
        return INVALID, None
    if not isinstance(root, Members):
        return NO_OBJECT, None
    texts, seen = {}, set()
    try:
        read(root, RESULT if rest else ANSWER, texts, seen)
    except AmbiguousError:
        return AMBIGUOUS, None
    found = {name: text(value) for name, value in texts.items()}
    task = found.get("task")
    if texts.get("task") is None and found.get("state") is not None:
        task = found.get("id")
    return 0, (task, found.get("context"), found.get("state"))


def read(members, names, texts, seen):
    for name, value in members:
        if "\0" in name:
            raise AmbiguousError
        known = next((each for each in names if fold(each) == fold(name)), None)
        if known is None:
            continue
        slot = names[known]
        if name not in names or slot in seen:
            raise AmbiguousError
        seen.add(slot)
        if slot not in WITHIN:
            texts[slot] = value
        elif isinstance(value, Members):
            read(value, WITHIN[slot], texts, seen)


NAMES = st.sampled_from(["result", "error", *RESULT, "state", "State", "status", "metadata", "tas\u212aId", "x", ""])
TEXTS = st.sampled_from(["t", "c", "working", "TASK_STATE_COMPLETED", "x" * 129, "\ud800"]) | st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.lists(st.tuples(NAMES, inner), max_size=5).map(Members),
    max_leaves=14,
)
STATUSES = st.tuples(st.just("status"), st.tuples(st.tuples(st.just("state"), TEXTS)).map(Members))
INSIDE = st.lists(st.tuples(NAMES, VALUES) | STATUSES, max_size=5).map(Members)
RESULTS = st.lists(st.tuples(NAMES, VALUES) | STATUSES | st.tuples(st.sampled_from(WRAPPERS), INSIDE), max_size=4).map(
    Members
)
ANSWERS = st.lists(st.tuples(NAMES, VALUES) | st.tuples(st.just("result"), RESULTS), max_size=3).map(Members)

LINES = st.sampled_from(
    [b"data", b"data:", b"data: x", b"data:  x", b"data:y:z", b"dat", b"database: x", b": data", b":", b"id: 7"]
) | st.binary(max_size=4)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
STREAMS = st.tuples(
    st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\xef"]),
    st.lists(st.tuples(LINES | st.just(b""), ENDS).map(b"".join), max_size=14).map(b"".join),
    st.sampled_from([b"", b"", b"data: cut", b"d", b"\r"]),
).map(b"".join)
