"""The scan of an agent's answer beside a full JSON parser: the same task, context and state, in every split."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.envelope import scan_envelope
from agw._fastpath.states import state_of
from agw.a2a.states import NAMES, STATES, TaskState
from tests.oracles.answers import ANSWER, ANSWERS, RESULT, RESULTS, oracle
from tests.oracles.answers import STATUS as STATUS_NAMES
from tests.oracles.envelopes import AMBIGUOUS, INVALID, NO_OBJECT, cuts, near, write

TASK = b'{"id":"t","contextId":"c","status":{"state":"working","message":{"taskId":"no"}},"history":[{"taskId":"no"}]}'
FLAT = b'{"kind":"task",' + TASK[1:]
STATUS = b'{"kind":"status-update","taskId":"t","contextId":"c","final":false,"status":{"state":"working"}}'
ARTIFACT = (
    b'{"kind":"artifact-update","taskId":"t","contextId":"c","artifact":{"artifactId":"a","parts":[{"id":"no"}]}}'
)
MESSAGE = (
    b'{"kind":"message","messageId":"m","taskId":"t","contextId":"c","parts":[],"metadata":{"status":{"state":"x"}}}'
)
CONFIG = b'{"id":"config","taskId":"t","url":"https://u"}'
ALL, NO_STATE = (b"t", b"c", b"working"), (b"t", b"c", None)


def enveloped(result):
    return b'{"jsonrpc":"2.0","id":"1","result":%s}' % result


def scan(body, *, rest=False):
    return scan_envelope([body], rest, answer=True)


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (TASK, ALL),
        (FLAT, ALL),
        (STATUS, ALL),
        (ARTIFACT, NO_STATE),
        (MESSAGE, NO_STATE),
        (b'{"task":%s}' % TASK, ALL),
        (b'{"statusUpdate":%s}' % STATUS, ALL),
        (b'{"status_update":{"task_id":"t","context_id":"c","status":{"state":"working"}}}', ALL),
        (b'{"artifactUpdate":%s}' % ARTIFACT, NO_STATE),
        (b'{"message":%s}' % MESSAGE, NO_STATE),
        (CONFIG, (b"t", None, None)),
        (b'{"id":"config"}', (None, None, None)),
        (b'{"id":"t","status":"x"}', (None, None, None)),
        (b'{"id":7,"taskId":null,"contextId":null,"status":{"state":"working"}}', (None, None, b"working")),
        (b'{"tasks":[%s]}' % TASK, (None, None, None)),
        (b'{"taskId":"%s","status":{"state":"working"},"id":"t"}' % (b"x" * 129), (None, None, b"working")),
        (b"{}", (None, None, None)),
    ],
)
def test_whose_task_an_answer_is_of(result, found):
    assert scan(enveloped(result)) == (0, found)
    assert scan(result, rest=True) == (0, found)
    assert scan_envelope([enveloped(result)[at : at + 1] for at in range(len(enveloped(result)))], answer=True) == (
        0,
        found,
    )


@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        (b"", INVALID),
        (b"[]", NO_OBJECT),
        (enveloped(FLAT)[:-1], INVALID),
        (enveloped(FLAT) + b"x", INVALID),
        (enveloped(b'{"task":%s,"message":%s}' % (TASK, MESSAGE)), AMBIGUOUS),
        (enveloped(FLAT.replace(b'"id"', b'"taskId":"t","taskId"')), AMBIGUOUS),
        (enveloped(FLAT.replace(b'"state"', b'"state":"failed","State"')), AMBIGUOUS),
    ],
)
def test_what_nobody_can_read_says_nothing(body, unknown):
    assert scan(body)[0] == unknown


@pytest.mark.parametrize("body", [b'{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"data":{"taskId":"t"}}}', FLAT])
def test_what_is_outside_of_a_result_is_not_read(body):
    assert scan(body) == (0, (None, None, None))


def test_a_version_is_not_asked_for():
    assert scan(b'{"result":%s}' % TASK) == (0, ALL)


@pytest.mark.parametrize("name", sorted({*ANSWER, *RESULT, *STATUS_NAMES}))
@pytest.mark.parametrize(
    "around", ["{%s}", '{"result":{%s}}', '{"result":{"task":{%s}}}', '{"result":{"status":{%s}}}']
)
def test_names_and_what_is_like_them(name, around):
    for each in near(name):
        for value in ('"t"', '{"id":"t","status":{"state":"s"}}'):
            body = (around % f'"{each}":{value}').encode()
            whole = scan(body)
            want, found = oracle(body)
            assert whole == (want, found if want == 0 else whole[1]), body
            assert scan_envelope([body[at : at + 1] for at in range(len(body))], answer=True) == whole


@settings(max_examples=500, deadline=None)
@given(
    st.booleans().flatmap(lambda rest: st.tuples(st.just(rest), RESULTS if rest else ANSWERS)),
    st.booleans(),
    st.sampled_from(["", " "]),
    st.integers(0, 1000),
)
def test_every_answer_as_a_full_parser_reads_it(answer, escape, space, seed):
    rest, value = answer
    body = write(value, escape, space).encode()
    whole = scan(body, rest=rest)
    want, found = oracle(body, rest=rest)
    assert whole[0] == want, body
    if want == 0:
        assert whole[1] == found, body
    assert scan_envelope(cuts(body, seed), rest, answer=True) == whole
    assert scan_envelope([body[at : at + 1] for at in range(len(body))], rest, answer=True) == whole


@settings(max_examples=300, deadline=None)
@given(ANSWERS, st.sampled_from(["", " "]), st.integers(0, 10_000), st.binary(min_size=1, max_size=3), st.booleans())
def test_every_damaged_answer_as_a_full_parser_reads_it(value, space, at, bytes_, instead):
    body = write(value, escape=False, space=space).encode()
    at %= len(body)
    body = body[:at] + bytes_ + body[at + (len(bytes_) if instead else 0) :]
    whole = scan(body)
    want, found = oracle(body)
    assert (whole[0] == 0) == (want == 0), body
    if want == 0:
        assert whole[1] == found, body
    assert scan_envelope([body[at : at + 1] for at in range(len(body))], answer=True) == whole


def test_states_have_one_name_in_both_generations():
    for name, state in NAMES.items():
        assert state_of(name.encode()) == state
    assert state_of(b"TASK_STATE_INPUT_REQUIRED") == state_of(b"input-required") == TaskState.INPUT_REQUIRED
    assert STATES[TaskState.AUTH_REQUIRED] == "auth-required"


@pytest.mark.parametrize("name", [b"", b"Working", b"working ", b"TASK_STATE_UNSPECIFIED", b"paused", b"x" * 300])
def test_a_state_of_no_version_is_unknown(name):
    assert state_of(name) == TaskState.UNKNOWN
