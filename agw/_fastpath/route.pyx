"""The snapshot's policy, backend and rule in the form that an exchange reads without Python.

Rules: what is unusable answers with an error, and never lets anybody in. A policy key that names nothing denies; a
credential set that names nothing is a set without keys; a backend key that names nothing is an error of its share of
the weight. Translation says so to people; this is what holds if it did not.

Must not: know of matching or of endpoints' state. `CompiledBackend.bound` is the pool's, and `agent` the reactor's:
they live as long as the compiled backend, which is taken over from table to table while its entry stays the same.
"""

cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdlib cimport calloc, free

from agw._fastpath.agents cimport AGENT_OTHER
from agw._fastpath.filters cimport filters_new
from agw._fastpath.grants cimport grants_new
from agw._fastpath.keys cimport KeySet
from agw._fastpath.limits cimport limits_new
from agw._fastpath.message cimport F_AUTHORIZATION, F_COOKIE, F_OTHER, F_PROXY_AUTHORIZATION, F_X_API_KEY
from agw._fastpath.sha256 cimport sha256_identity


cdef dict _FIELD_IDS = {
    b"authorization": F_AUTHORIZATION,
    b"cookie": F_COOKIE,
    b"proxy-authorization": F_PROXY_AUTHORIZATION,
    b"x-api-key": F_X_API_KEY,
}


cdef KeySet _NOBODY = KeySet()    # what a credential set that names nothing is


@cython.final
@cython.no_gc    # nothing that it holds can refer to it
cdef class CompiledPolicy:
    """The policy of a rule: is a key asked for, where may it be, who has one."""

    @property
    def key_sources(self):
        """Where a key may be: (name of the header, parameter or cookie; scheme) each, in the policy's order."""
        return tuple([(self._bytes[2 * i].decode(), self._bytes[2 * i + 1].decode()) for i in range(self.n_sources)])


cdef _add_source(CompiledPolicy policy, source):
    cdef bytes name = (source.header.lower() or source.query or source.cookie).encode()
    cdef bytes scheme = source.scheme.encode()
    cdef KeySourceSpec* spec = &policy.sources[policy.n_sources]
    policy._bytes += [name, scheme]
    spec.place = IN_HEADER if source.header else (IN_QUERY if source.query else IN_COOKIE)
    spec.name = name
    spec.name_len = <int>len(name)
    spec.scheme = scheme
    spec.scheme_len = <int>len(scheme)
    spec.field_id = _FIELD_IDS.get(name, F_OTHER) if source.header else F_OTHER
    policy.n_sources += 1


cdef int _restrict(CompiledPolicy policy, entry) except -1:
    if entry.authorization is not None:
        policy.grants = grants_new(entry.authorization)
    if entry.limits:
        policy.limits = limits_new(entry.limits)
    if entry.streams is not None:
        if entry.streams.concurrent < 1:
            raise ValueError("a limit of nothing")
        policy.max_streams = entry.streams.concurrent
        policy.streams_identity = sha256_identity(f"streams of {entry.streams.scope}".encode())
    if entry.api_key is not None and entry.api_key.failures is not None:
        policy.guesses = limits_new((entry.api_key.failures,))
    return 0


cdef CompiledPolicy policy_new(object entry, dict key_sets):
    cdef CompiledPolicy policy = CompiledPolicy.__new__(CompiledPolicy)
    policy.entry = entry
    policy._bytes = []
    policy.deny = entry is None or bool(entry.deny)
    if entry is not None:
        try:
            _restrict(policy, entry)
        except ValueError:
            policy.deny = True      # what is left out would let somebody in
        policy.own_patience = entry.request_timeout_ms is not None
        policy.head_timeout_ms = entry.request_timeout_ms or 0
        policy.stream_idle_ms = entry.stream_idle_ms
    if entry is None or entry.api_key is None:
        return policy
    auth = entry.api_key
    policy.has_auth = True
    policy.keys = key_sets.get(auth.credentials) or _NOBODY
    policy.optional = auth.mode == "Optional"
    policy.forward_credential = auth.forward_credential
    policy.public_card = auth.public_agent_card
    if len(auth.sources) > MAX_KEY_SOURCES:
        policy.deny = True    # a source left out would be forwarded with the credential in it
        return policy
    for source in auth.sources:
        _add_source(policy, source)
    return policy


@cython.final
@cython.no_gc    # nothing that it holds can refer to it
cdef class CompiledTarget:
    """A weighted group of endpoints of a backend."""


cdef CompiledTarget _target(entry):
    cdef CompiledTarget target = CompiledTarget.__new__(CompiledTarget)
    target.name = entry.name
    target.host = entry.host
    target.port = entry.port
    target.weight = entry.weight
    target.dns = entry.dns
    target.endpoints = tuple([(endpoint.address, endpoint.port) for endpoint in entry.endpoints])
    return target


@cython.final
cdef class CompiledBackend:
    """What a route names, with its targets. bound: see the module's rules."""


cdef int _name(str key, str kind, Name* name) except -1:
    """What stands behind `kind/` in a key."""
    cdef Py_ssize_t skip = len(kind) + 1
    name.text = PyUnicode_AsUTF8AndSize(key, &name.size)
    skip = min(skip, name.size)
    name.text += skip
    name.size -= skip
    return 0


cdef CompiledBackend backend_new(str key, object entry):
    cdef CompiledBackend backend = CompiledBackend.__new__(CompiledBackend)
    cdef CompiledTarget target
    backend.key = key
    _name(key, "backend", &backend.name)
    backend.entry = entry
    backend.a2a = entry.protocol == "A2A"
    backend.agent = AGENT_OTHER
    backend.affinity = entry.affinity == "Task"
    backend.keep_alive_ms = entry.keep_alive_ms
    backend.targets = tuple([_target(target_entry) for target_entry in entry.targets])
    for target in backend.targets:
        backend.total_weight += target.weight
    return backend


@cython.final
cdef class CompiledRule:
    """One rule of a route: its policy, its weighted backends, its timeouts."""

    def __dealloc__(self):
        free(self.backends)

    @property
    def weights(self):
        """The weighted backends in order: (backend key, "" where the reference is in error; weight)."""
        cdef list weights = []
        cdef int i
        for i in range(self.n_backends):
            key = "" if self.backends[i].error else (<CompiledBackend>self.backends[i].backend).key
            weights.append((key, self.backends[i].weight))
        return tuple(weights)

    @property
    def request_timeout(self):
        """Milliseconds for the whole exchange; 0 without."""
        return self.request_timeout_ms

    @property
    def head_timeout(self):
        """Milliseconds until the head of the answer; 0 without."""
        return self.head_timeout_ms

    @property
    def stream_idle(self):
        """Milliseconds of silence on an event stream; 0 without."""
        return self.stream_idle_ms

    @property
    def backend_timeout(self):
        """Milliseconds for one try; 0 without."""
        return self.backend_timeout_ms


cdef _add_filters(CompiledRule rule, dict backends):
    entry = rule.entry
    if entry.filters is None and entry.retry is None and not any([each.filters for each in entry.backends]):
        return
    try:
        rule.filters = filters_new(entry.filters, entry.retry, backends)
        rule.has_filters = True
    except ValueError:
        rule.error = True    # a filter that was left out would let pass what somebody meant to change


cdef _add_backend_filters(CompiledRule rule, WeightedRef* ref, filters, dict backends):
    try:
        compiled = filters_new(filters, None, backends)
    except ValueError:
        ref.error = True
        return
    if rule._backend_filters is None:
        rule._backend_filters = []
    rule._backend_filters.append(compiled)
    ref.filters = <void*>compiled


cdef _add_backends(CompiledRule rule, dict backends):
    cdef WeightedRef* ref
    cdef CompiledBackend backend
    cdef list kept = []
    if rule.has_filters and rule.filters.redirect is not None:
        return    # nothing is forwarded
    rule.n_backends = <int>len(rule.entry.backends)
    if rule.n_backends == 0:
        return
    rule.backends = <WeightedRef*>calloc(<size_t>rule.n_backends, sizeof(WeightedRef))
    if rule.backends == NULL:
        raise MemoryError
    ref = rule.backends
    for weighted in rule.entry.backends:
        backend = backends.get(weighted.backend)
        ref.weight = weighted.weight
        ref.error = bool(weighted.error) or backend is None
        if not ref.error and weighted.filters is not None:
            _add_backend_filters(rule, ref, weighted.filters, backends)
        if not ref.error:
            kept.append(backend)
            rule.a2a = rule.a2a or backend.a2a
            rule.affinity = rule.affinity or backend.affinity
            ref.backend = <void*>backend
        rule.total_weight += ref.weight
        ref += 1
    rule.backend_refs = tuple(kept)


cdef int _name_rule(CompiledRule rule) except -1:
    """A rule's key is its route's, and behind a slash which of its rules it is."""
    _name(rule.key, "rule", &rule.route)
    digits = rule.key.rpartition("/")[2]
    if digits.isdecimal():
        rule.number = int(digits) & 0xFFFF
        rule.route.size = max(0, rule.route.size - <Py_ssize_t> len(digits) - 1)
    return 0


cdef void _add_times(CompiledRule rule, CompiledPolicy policy) noexcept:
    """The policy's times, beside the rule's own."""
    rule.own_patience = policy.own_patience
    rule.stream_idle_ms = policy.stream_idle_ms
    if policy.head_timeout_ms and not 0 < rule.request_timeout_ms <= policy.head_timeout_ms:
        rule.head_timeout_ms = policy.head_timeout_ms


cdef CompiledRule _with_policy(str key, object entry, str policy, dict policies, dict backends):
    cdef CompiledRule rule = CompiledRule.__new__(CompiledRule)
    rule.key = key
    _name_rule(rule)
    rule.entry = entry
    rule.backend_refs = ()
    rule.error = bool(entry.error)
    rule.request_timeout_ms = entry.request_timeout_ms
    rule.backend_timeout_ms = entry.backend_timeout_ms
    rule.head_timeout_ms = rule.request_timeout_ms
    if policy:
        rule.policy = policies.get(policy) or policy_new(None, policies)
        _add_times(rule, rule.policy)
    _add_filters(rule, backends)
    _add_backends(rule, backends)
    return rule


cdef dict _patterns(entry):
    """Compile every expression of a rule's matches: RE2, so that time is linear whatever a client sends."""
    cdef dict patterns = {}
    for match in entry.matches:
        if match.path.kind == "RegularExpression":
            patterns[match.path.value] = None
        for field in (*match.headers, *match.queries):
            if field.regex:
                patterns[field.value] = None
    if not patterns:
        return None
    import re2    # two libraries and 3 MB of memory, which a configuration without expressions is not to pay for
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    for expression in patterns:
        try:
            patterns[expression] = re2.compile(expression, options)
        except re2.error:
            pass    # the condition takes nothing
    return patterns


cdef CompiledRule rule_new(str key, object entry, dict policies, dict backends):
    cdef CompiledRule rule = _with_policy(key, entry, entry.policy, policies, backends)
    cdef CompiledRule variant
    cdef list needs = [weighted.backend for weighted in entry.backends]
    needs.append(entry.policy)
    if entry.filters is not None:
        needs += [mirror.backend for mirror in entry.filters.mirrors]
    rule.patterns = _patterns(entry)
    for attachment in entry.attachments:
        if attachment.policy and attachment.policy != entry.policy:
            needs.append(attachment.policy)
            if rule.variants is None:
                rule.variants = {}
            variant = _with_policy(key, entry, attachment.policy, policies, backends)
            variant.patterns = rule.patterns
            rule.variants[attachment.policy] = variant
    rule.needs = tuple(needs)
    return rule
