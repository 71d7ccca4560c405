"""Admission: route, authenticate, limit, choose a backend. It decides, and the exchange acts.

Rules: the order is the order in which a client may learn things: whether there is a route, whether it is let in, and
only then anything about what lies behind.
"""

from agw._fastpath.cards cimport is_card_path
from agw._fastpath.cors cimport is_preflight, lone_field
from agw._fastpath.credentials cimport MISSING, authenticate, take_out_keys
from agw._fastpath.fields cimport method_id
from agw._fastpath.message cimport FRAMING_LENGTH, Field, M_GET, M_HEAD, M_OPTIONS
from agw._fastpath.prefetch cimport prefetch
from agw._fastpath.record cimport (
    R_FORBIDDEN, R_INVALID_BACKEND, R_LOCAL, R_NOT_FOUND, R_POLICY_INVALID, R_TOO_LARGE, R_UNAUTHENTICATED,
)
from agw._fastpath.route cimport CompiledPolicy, CompiledRule, WeightedRef


cdef WeightedRef* _weighted(CompiledRule rule, Pool pool):
    """A backend by weight; NULL for the share of invalid ones, and where there is none."""
    cdef WeightedRef* ref = rule.backends
    cdef int64_t left
    if rule.n_backends > 1 and rule.total_weight > 0:
        left = <int64_t> (pool.random() % <unsigned long long> rule.total_weight)
        while left >= ref.weight:
            left -= ref.weight
            ref += 1
    elif rule.total_weight == 0:
        return NULL
    return NULL if ref.error else ref


cdef inline bint _has_cors(CompiledRule rule) noexcept:
    return rule is not None and rule.has_filters and rule.filters.cors is not None


cdef bint _preflight(Admission* verdict, const RequestHead* head, Table table, int port, CompiledRule rule) except -1:
    """Whether CORS answers this OPTIONS: of the rule that takes it, or of the one for what is to come after it."""
    cdef RequestHead asked = head[0]
    cdef const Field* method = lone_field(head.fields, head.n_fields, "access-control-request-method", 29)
    cdef void* listener = verdict.listener
    if table is None or not is_preflight(head.fields, head.n_fields):
        return False
    if not _has_cors(rule):
        asked.method, asked.method_len = method.value, method.value_len
        asked.method_id = <unsigned char> method_id(asked.method, asked.method_len)
        rule = table.lookup(port, &asked, &listener)
        if not _has_cors(rule):
            return False
    verdict.rule = <void*> rule
    verdict.listener = listener
    return True


cdef str consumer_name(CompiledPolicy policy, int consumer):
    """Who a consumer's index stands for; None for nobody."""
    return policy.keys.consumer(consumer) if consumer >= 0 else None


cdef inline int _refuse(Admission* verdict, int status, int reason) noexcept:
    verdict.status = status
    verdict.reason = reason
    return 0


cdef int admit(Admission* verdict, RequestHead* head, Table table, Pool pool, int port, int64_t max_body) except -1:
    cdef CompiledRule rule = None
    cdef CompiledPolicy policy
    cdef bint card
    verdict.rule = verdict.listener = NULL
    verdict.ref = NULL
    verdict.status = 0
    verdict.consumer = -1
    verdict.metered = verdict.guessed = False
    verdict.wants = 0
    if head.path[0] == b"*":
        return _refuse(verdict, 200, R_LOCAL)
    if table is not None:
        rule = table.lookup(port, head, &verdict.listener)
    if head.method_id == M_OPTIONS and _preflight(verdict, head, table, port, rule):
        return _refuse(verdict, 204, R_LOCAL)   # before a key is asked for: browsers send none with it (Fetch 3.2.2)
    if rule is None:
        return _refuse(verdict, 404, R_NOT_FOUND)
    verdict.rule = <void*> rule
    prefetch(rule.backends)
    prefetch(rule.route.text)       # for the record of its end
    policy = rule.policy
    card = (head.method_id == M_GET or head.method_id == M_HEAD) and is_card_path(head.path, head.path_len)
    if policy is not None:
        if policy.deny:
            return _refuse(verdict, 500, R_POLICY_INVALID)
        if policy.has_auth and card and policy.public_card:
            if not policy.forward_credential:
                take_out_keys(head, policy)
        elif policy.has_auth:
            verdict.consumer = authenticate(head, policy)
            if verdict.consumer <= MISSING:
                verdict.guessed = verdict.consumer != MISSING
                return _refuse(verdict, 401, R_UNAUTHENTICATED)
            if verdict.consumer >= 0:
                policy.keys.foresee(verdict.consumer)
        if policy.grants is not None and not (card and policy.public_card):
            if policy.grants.by_operation:
                verdict.wants |= WANT_GRANT
            elif not policy.grants.allows(consumer_name(policy, verdict.consumer), 0, True):
                return _refuse(verdict, 403, R_FORBIDDEN)
        if policy.max_streams:
            verdict.wants |= WANT_OPERATION
        if policy.limits is not None:
            verdict.metered = True
            if policy.limits.by_operation:
                verdict.wants |= WANT_OPERATION
            if policy.limits.by_context:
                verdict.wants |= WANT_IDS
    if rule.error:
        return _refuse(verdict, 500, R_INVALID_BACKEND)
    if max_body and head.framing == FRAMING_LENGTH and head.content_length > max_body:
        return _refuse(verdict, 413, R_TOO_LARGE)
    verdict.ref = _weighted(rule, pool)
    if verdict.ref == NULL:
        if rule.has_filters and rule.filters.redirect is not None:
            return _refuse(verdict, rule.filters.redirect.status, R_LOCAL)
        return _refuse(verdict, 500, R_INVALID_BACKEND)
    if (<CompiledRule> rule).affinity:
        verdict.wants |= WANT_IDS
    return 0
