"""What agw.kube decides without a server: paths, errors, waiting, claims on a Lease, what of Events is sent."""

import json

import msgspec
import pytest

from agw.errors import Fault
from agw.kube import ApiError, Backoff, Expired, Key, NotFound, Resource, ServerFailed, Timing, decoder, plain
from agw.kube import errors as kube_errors
from agw.kube.events import BURST, FORGET_SECONDS, NOTE, SERIES_SECONDS, Book, Reference, Told, _shortened
from agw.kube.lease import Election, Lease, LeaseSpec, claim, observe
from agw.kube.objects import Meta
from agw.kube.token_review import Identity
from agw.kube.watch import Lines

PODS = Resource("", "v1", "pods", "Pod")
CLASSES = Resource("gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", namespaced=False)


def test_paths():
    assert PODS.collection() == "/api/v1/pods"
    assert PODS.collection("a") == "/api/v1/namespaces/a/pods"
    assert PODS.object(Key("a", "b"), "status") == "/api/v1/namespaces/a/pods/b/status"
    assert CLASSES.object(Key("", "b")) == "/apis/gateway.networking.k8s.io/v1/gatewayclasses/b"
    assert (PODS.api_version, CLASSES.api_version) == ("v1", "gateway.networking.k8s.io/v1")


@pytest.mark.parametrize("name", ["a/../b", "a?b=c", "a#b", "a%2Fb", "ä"])
def test_no_name_leads_to_another_path(name):
    path = PODS.object(Key("ns", name))
    assert path.startswith("/api/v1/namespaces/ns/pods/")
    assert path.count("/") == 6
    assert not set("?#") & set(path)


@pytest.mark.parametrize(("resource", "key"), [
    (PODS, Key("", "b")), (PODS, Key("a", "")), (PODS, Key("a", "..")), (PODS, Key(".", "b")), (CLASSES, Key("a", "b")),
])  # fmt: skip
def test_a_key_that_does_not_fit_is_refused(resource, key):
    with pytest.raises(ValueError, match="name"):
        resource.object(key)


@pytest.mark.parametrize(
    ("code", "body", "kind", "reason"),
    [
        (404, {"code": 404, "reason": "NotFound", "message": "no"}, NotFound, "NotFound"),
        (409, {"code": 409, "reason": "AlreadyExists"}, kube_errors.AlreadyExists, "AlreadyExists"),
        (409, {"code": 409, "reason": "Conflict"}, kube_errors.Conflict, "Conflict"),
        (410, {"code": 410, "reason": "Gone"}, Expired, "Gone"),
        (410, {}, Expired, ""),
        (429, {"code": 429, "reason": "TooManyRequests"}, kube_errors.TooManyRequests, "TooManyRequests"),
        (500, {"code": 500, "reason": "InternalError"}, ServerFailed, "InternalError"),
        (503, b"<html>no upstream</html>", ServerFailed, ""),
        (502, b"", ServerFailed, ""),
        (418, b"\xff", ApiError, ""),
        (404, [], NotFound, ""),
    ],
)
def test_an_answer_is_raised_as_its_reason(code, body, kind, reason):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = kube_errors.from_answer(code, data, "GET /x")
    assert type(error) is kind
    assert (error.reason, error.answer.code) == (reason, code)
    assert str(error).startswith("GET /x: ")


def test_an_error_says_what_to_do():
    body = {"code": 422, "reason": "Invalid", "message": "bad",
            "details": {"causes": [{"field": "spec.x", "message": "y"}], "retryAfterSeconds": 3}}  # fmt: skip
    error = kube_errors.from_answer(422, json.dumps(body).encode(), "", 1)
    assert (error.causes[0].field, error.retry_after, error.retry, error.fault) == ("spec.x", 3, False, Fault.INTERNAL)
    assert kube_errors.from_answer(503, b"", "", 7).retry_after == 7


def test_backoff_grows_and_is_bounded():
    backoff = Backoff(first=1, longest=10)
    assert backoff.delay(1) == 0
    delays = []
    for _ in range(100):
        backoff = backoff.failed()
        assert backoff.delay(0) == backoff.delay(1) / 2
        delays.append(backoff.delay(1))
    assert delays[:5] == [1, 2, 4, 8, 10]
    assert delays[-1] == 10
    assert backoff.delay(0, at_least=60) == 60
    assert backoff.succeeded() == Backoff(first=1, longest=10)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_in_pieces_of_any_size(size):
    data = b'{"a":1}\n\n{"b":"\xc3\xa4"}\n{"half'
    lines = Lines()
    found = []
    for start in range(0, len(data), size):
        found += lines.feed(data[start : start + size])
    assert found == [b'{"a":1}', b'{"b":"\xc3\xa4"}']
    assert lines.feed(b'"}\n') == [b'{"half"}']


def test_a_line_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("agw.kube.watch.MAX_LINE", 10)
    with pytest.raises(kube_errors.Malformed):
        Lines().feed(b"x" * 11)


def test_plain_drops_what_nobody_reads():
    last = "kubectl.kubernetes.io/last-applied-configuration"
    data = {"metadata": {"name": "a", "managedFields": [{}], "annotations": {last: "{}", "mine": "1"}}}
    assert plain(json.dumps(data).encode()) == {"metadata": {"name": "a", "annotations": {"mine": "1"}}}
    assert plain(b'{"metadata": {}}') == {"metadata": {}}
    with pytest.raises(msgspec.DecodeError):
        plain(b"[]")


def test_a_type_has_one_decoder():
    assert decoder(Lease) is decoder(Lease)


# --- Lease


def lease(holder, version="1", duration=15):
    return Lease(Meta("l", "ns", version), LeaseSpec(holder, duration, "then", "then", 3))


def test_a_lease_is_free_when_it_has_not_changed_for_its_duration():
    seen = observe(None, lease("other"), 100)
    assert not seen.free("me", 114.9)
    assert seen.free("me", 115)
    assert observe(seen, lease("other"), 110).free("me", 115)
    assert not observe(seen, lease("other", "2"), 110).free("me", 115)


def test_a_lease_of_nobody_or_of_our_own_is_free():
    assert observe(None, lease(""), 0).free("me", 0)
    assert observe(None, lease(None), 0).free("me", 0)
    assert observe(None, lease("me"), 0).free("me", 0)


def test_the_holder_decides_how_long_others_wait():
    assert not observe(None, lease("other", duration=60), 0).free("me", 59)


def test_a_claim_counts_changes_of_hands_only():
    timing = Timing()
    new = claim(None, "me", timing, "now")
    assert new == {"holderIdentity": "me", "leaseDurationSeconds": 15, "acquireTime": "now", "renewTime": "now",
                   "leaseTransitions": 0}  # fmt: skip
    taken = claim(lease("other").spec, "me", timing, "now")
    assert (taken["leaseTransitions"], taken["acquireTime"]) == (4, "now")
    kept = claim(lease("me").spec, "me", timing, "now")
    assert (kept["leaseTransitions"], kept["acquireTime"], kept["renewTime"]) == (3, "then", "now")


def test_times_that_would_let_two_lead_are_refused():
    with pytest.raises(ValueError, match="lease > renew"):
        Election(None, Key("ns", "l"), "me", Timing(lease=10, renew=10))


# --- Events


def told(note="n", name="gw"):
    return Told(Reference("v1", "Gateway", "ns", name), "Reason", "Action", note)


def sent(series):
    """What a recorder does after it has written."""
    series.name, series.written = "made", series.count


def test_the_first_time_is_sent_at_once_and_the_rest_is_counted_seldom():
    book = Book()
    assert book.due(0) is None
    assert book.wait(0) is None
    assert book.tell(told(), 0, "t0")
    what, series = book.due(0)
    assert (what, series.count) == (told(), 1)
    sent(series)
    series.due = SERIES_SECONDS
    for second in range(1, 6):
        assert book.tell(told(), second, f"t{second}")
    assert book.due(5) is None
    assert book.wait(5) == SERIES_SECONDS - 5
    _, series = book.due(SERIES_SECONDS)
    assert (series.count, series.last_wall) == (6, "t5")


def test_a_series_that_was_quiet_for_long_is_over():
    book = Book()
    book.tell(told(), 0, "t")
    _, series = book.due(0)
    sent(series)
    book.tell(told(), FORGET_SECONDS + 1, "t")
    _, again = book.due(FORGET_SECONDS + 1)
    assert (again.count, again.name) == (1, "")


def test_an_object_has_a_budget_of_its_own():
    book = Book()
    assert [book.tell(told(str(number)), 0, "t") for number in range(BURST + 5)] == [True] * BURST + [False] * 5
    assert book.tell(told(name="other"), 0, "t")
    assert book.tell(told("later"), 301, "t")
    assert not book.tell(told("later still"), 302, "t")


def test_a_note_is_cut_within_the_limit_and_never_in_a_character():
    assert _shortened("a" * NOTE) == "a" * NOTE
    cut = _shortened("ä" * NOTE)
    assert len(cut.encode()) <= NOTE
    assert cut.rstrip(".") == "ä" * 510


# --- TokenReview


@pytest.mark.parametrize(
    ("username", "account"),
    [
        ("system:serviceaccount:ns:name", Key("ns", "name")),
        ("system:serviceaccount:ns", None),
        ("system:serviceaccount::name", None),
        ("admin", None),
    ],
)
def test_a_service_account_is_told_from_other_users(username, account):
    assert Identity(username, "", (), (), {}).service_account == account
