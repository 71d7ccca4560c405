"""The compiled snapshot. Which rule takes a request: Gateway API precedence, as a walk from specific to general.

    port -> the most specific listener hostname that takes the host, and its rules only (listener isolation)
         -> its route hostnames that take the host: exact, longest wildcard ..., any
         -> the paths of that hostname: exact; expressions, longest first; prefixes, longest first
         -> the candidates at that path, in order: a method, more headers, more parameters, older, route by name,
            rule, match; the first whose conditions all hold

The first candidate found ends the walk; a level without one passes on to the next. Precedence is the order in which
candidates lie, made at compile time, so a lookup decides nothing. What it costs depends on what is configured for one
path, not on the number of routes.

compile_table() takes over from the previous table, block by block, what a change did not touch: compiled rules,
backends (with what the pool has bound to them), key sets, and of the index all hostnames and paths of other rules.
Blocks count their owners: what a new table alone owns is changed in place, what it shares is copied first.

Must not: change a table that compile_table() has returned.
"""

cimport cython
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from agw._fastpath.hosts cimport (
    HostCursor,
    HostSet,
    cursor_next,
    cursor_start,
    hosts_block,
    hosts_clear,
    hosts_copy,
    hosts_get,
    hosts_put,
    hosts_remove,
)
from agw._fastpath.index cimport Block, block_free
from agw._fastpath.keys cimport KeySet
from agw._fastpath.matches cimport Bucket, Candidate, Request, request_end, request_start
from agw._fastpath.message cimport Field, RequestHead
from agw._fastpath.paths cimport (
    PATH_EXACT,
    PATH_PREFIX,
    PATH_REGEX,
    HostRules,
    paths_copy,
    paths_empty,
    paths_get,
    paths_pick,
    paths_release,
    paths_set,
)
from agw._fastpath.prefetch cimport prefetch
from agw._fastpath.route cimport CompiledRule, backend_new, policy_new, rule_new

from operator import itemgetter

from agw.snapshot.model import Backend, CredentialSet, Listener, Policy, Rule

cdef enum:
    CACHE_LINE = 64         # bytes
    RULE_LINES = 4          # of a CompiledRule, all of which a request looks at

cdef dict _KINDS = {"Exact": PATH_EXACT, "RegularExpression": PATH_REGEX, "PathPrefix": PATH_PREFIX}
cdef object _PRECEDENCE = itemgetter(0)


cdef void _group_release(Block* block) noexcept:
    block.owners -= 1
    if block.owners == 0:
        hosts_clear(&(<Group*>block).routes, paths_release)
        block_free(block)


@cython.final
cdef class Table:
    """A compiled snapshot: which rule takes a request. Immutable once compiled."""

    def __cinit__(self):
        self.backends = {}
        self.rules = {}
        self._policies = {}
        self._key_sets = {}
        self._listeners = {}

    def __dealloc__(self):
        cdef int i
        for i in range(self._n_ports):
            hosts_clear(&self._ports[i].listeners, _group_release)
        free(self._ports)

    cdef CompiledRule lookup(self, int port, const RequestHead* head, void** listener):
        cdef Request request
        cdef const Candidate* picked
        cdef int line
        request_start(&request, head)
        try:
            picked = self._find(port, &request)
        finally:
            request_end(&request)
        if picked == NULL:
            return None
        for line in range(RULE_LINES):
            prefetch(<const char*>picked.rule + line * CACHE_LINE)
        listener[0] = picked.listener
        return <CompiledRule>picked.rule

    cdef const Candidate* _find(self, int port, Request* request) except? NULL:
        cdef const RequestHead* head = request.head
        cdef const Candidate* picked
        cdef HostCursor cursor
        cdef Block* block = NULL
        cdef int i
        if head.path_len == 0 or head.path[0] != c"/":
            return NULL    # "*" and the like name no path
        for i in range(self._n_ports):
            if self._ports[i].port == port:
                cursor_start(&cursor, &self._ports[i].listeners, head.host, head.host_len)
                block = cursor_next(&cursor)
                break
        if block == NULL:
            return NULL
        cursor_start(&cursor, &(<Group*>block).routes, head.host, head.host_len)
        while True:
            block = cursor_next(&cursor)
            if block == NULL:
                return NULL
            picked = paths_pick(<const HostRules*>block, request)
            if picked != NULL:
                return picked

    def match(self, int port, bytes method not None, bytes host not None, bytes path not None, bytes query, headers):
        """Find (rule key, index of the match in it), or None. host lower-case without port, path normalised.

        query: None where the target has no "?".
        """
        cdef _Head head = _Head(method, host, path, query, headers)
        cdef Request request
        cdef const Candidate* picked
        request_start(&request, &head.head)
        try:
            picked = self._find(port, &request)
        finally:
            request_end(&request)
        return None if picked == NULL else ((<CompiledRule>picked.rule).key, picked.match)

    def rule(self, int port, bytes method not None, bytes host not None, bytes path not None, bytes query, headers):
        """Find the compiled rule, with the policy of the attachment that was taken, or None. As match()."""
        cdef _Head head = _Head(method, host, path, query, headers)
        cdef void* listener = NULL
        return self.lookup(port, &head.head, &listener)

    def listener(self, int port, bytes method not None, bytes host not None, bytes path not None, bytes query, headers):
        """Find the key of the listener that the rule is served on, or None. As match()."""
        cdef _Head head = _Head(method, host, path, query, headers)
        cdef void* listener = NULL
        self.lookup(port, &head.head, &listener)
        return None if listener == NULL else <str>listener


@cython.final
cdef class _Head:
    """A request head over bytes that it keeps."""

    cdef RequestHead head
    cdef list kept

    def __cinit__(self, bytes method, bytes host, bytes path, bytes query, headers):
        cdef Field* field
        cdef bytes name, value
        memset(&self.head, 0, sizeof(RequestHead))
        self.kept = [method, host, path, query]
        self.head.method = method
        self.head.method_len = <uint32_t>len(method)
        self.head.host = self.head.authority = host
        self.head.host_len = self.head.authority_len = <uint32_t>len(host)
        self.head.path = path
        self.head.path_len = <uint32_t>len(path)
        if query is not None:
            self.head.query = query
            self.head.query_len = <uint32_t>len(query)
        self.head.fields = <Field*>calloc(<size_t>len(headers) + 1, sizeof(Field))
        if self.head.fields == NULL:
            raise MemoryError
        for name, value in headers:
            field = &self.head.fields[self.head.n_fields]
            self.kept += [name, value]
            field.name = name
            field.name_len = <unsigned short>len(name)
            field.value = value
            field.value_len = <uint32_t>len(value)
            self.head.n_fields += 1

    def __dealloc__(self):
        free(self.head.fields)


@cython.final
cdef class Lookups:
    """Requests to look up again and again, with no Python call per lookup. For benchmarks.

    requests: the arguments of match() after the port.
    """

    cdef Table table
    cdef int port
    cdef list kept
    cdef bytes text
    cdef RequestHead* heads
    cdef int n

    def __cinit__(self, Table table not None, int port, list requests not None):
        cdef int i
        self.table = table
        self.port = port
        self.kept = [_Head(*request) for request in requests]
        self.text = b"".join([request[1] + request[2] for request in requests])
        self.n = <int>len(requests)
        self.heads = <RequestHead*>calloc(<size_t>self.n + 1, sizeof(RequestHead))
        if self.heads == NULL:
            raise MemoryError
        for i in range(self.n):
            self.heads[i] = (<_Head>self.kept[i]).head
        _lay_side_by_side(self.heads, self.n, self.text)

    def __dealloc__(self):
        free(self.heads)

    def bench_lookup(self, int rounds):
        """Look up every request, rounds times; count the hits."""
        cdef int hits = 0
        cdef int i, _
        cdef void* listener
        for _ in range(rounds):
            for i in range(self.n):
                hits += self.table.lookup(self.port, &self.heads[i], &listener) is not None
        return hits


cdef void _lay_side_by_side(RequestHead* heads, int n, const unsigned char* text) noexcept:
    """Point heads to their hosts and paths in text: a parsed request is in the cache, a thousand kept ones are not."""
    cdef int i
    for i in range(n):
        heads[i].host = text
        text += heads[i].host_len
        heads[i].path = text
        text += heads[i].path_len


# --- The index: who owns what ---

cdef Port* _port(Table table, int port) except NULL:
    """The listeners of a port, made if need be."""
    cdef Port* ports
    cdef int i
    for i in range(table._n_ports):
        if table._ports[i].port == port:
            return &table._ports[i]
    ports = <Port*>realloc(table._ports, (table._n_ports + 1) * sizeof(Port))
    if ports == NULL:
        raise MemoryError
    table._ports = ports
    memset(&ports[table._n_ports], 0, sizeof(Port))
    ports[table._n_ports].port = port
    table._n_ports += 1
    return &ports[table._n_ports - 1]


cdef int _share_ports(Table table, Table previous) except -1:
    cdef int i
    for i in range(previous._n_ports):
        hosts_copy(&_port(table, previous._ports[i].port).listeners, &previous._ports[i].listeners)
    return 0


cdef Group* _own_group(HostSet* listeners, bytes hostname) except NULL:
    """The group of a listener hostname, for this table alone: made, or copied, if need be."""
    cdef Group* shared = <Group*>hosts_get(listeners, hostname)
    cdef Group* group
    if shared != NULL and shared.block.owners == 1:
        return shared
    group = <Group*>hosts_block(sizeof(Group), hostname)
    try:
        if shared != NULL:
            hosts_copy(&group.routes, &shared.routes)
        hosts_put(listeners, hostname, &group.block, _group_release)
    except MemoryError:
        _group_release(&group.block)
        raise
    return group


cdef HostRules* _own_rules(HostSet* routes, bytes hostname) except NULL:
    """The rules of a route hostname, for this table alone: made, or copied, if need be."""
    cdef HostRules* shared = <HostRules*>hosts_get(routes, hostname)
    cdef HostRules* rules
    if shared != NULL and shared.block.owners == 1:
        return shared
    rules = <HostRules*>hosts_block(sizeof(HostRules), hostname)
    try:
        if shared != NULL:
            paths_copy(rules, shared)
        hosts_put(routes, hostname, &rules.block, paths_release)
    except MemoryError:
        paths_release(&rules.block)
        raise
    return rules


# --- Precedence ---

cdef tuple _candidate(CompiledRule rule, int index, match, int kind, str listener):
    """Make (precedence, rule, index of the match, whether its path is an expression, listener); see matches.bucket_new.

    A route without an age (a file's) is younger than all that have one: an order must be total, and in one source
    either all have an age or none has.
    """
    entry = rule.entry
    precedence = (
        -len(match.path.value) if kind == PATH_REGEX else 0,
        not match.method,
        -len(match.headers),
        -len(match.queries),
        not entry.created,
        entry.created,
        entry.route,
        entry.index,
        index,
        rule.key,
    )
    return (precedence, rule, index, kind == PATH_REGEX, listener)


cdef tuple _place(match):
    """Where a match lies in its hostname: (kind, path)."""
    cdef int kind = _KINDS[match.path.kind]
    if kind == PATH_REGEX:
        return (kind, b"")
    return (kind, match.path.value.encode() if kind == PATH_EXACT else match.path.value.encode().rstrip(b"/"))


cdef _collect(dict groups, CompiledRule rule, dict listeners, bint add):
    """Note all places of a rule: groups[(port, listener hostname)][hostname][(kind, path)] -> new candidates."""
    cdef CompiledRule served
    places = [(_place(match), index, match) for index, match in enumerate(rule.entry.matches)]
    for attachment in rule.entry.attachments:
        listener = listeners.get(attachment.listener)
        if listener is None:
            continue
        served = rule
        if rule.variants is not None and attachment.policy:
            served = rule.variants.get(attachment.policy, rule)
        hosts = groups.setdefault((listener.port, listener.hostname), {})
        for hostname in dict.fromkeys(attachment.hostnames):
            paths = hosts.setdefault(hostname, {})
            for place, index, match in places:
                candidates = paths.setdefault(place, [])
                if add:
                    candidates.append(_candidate(served, index, match, place[0], attachment.listener))


cdef list _kept(const Bucket* bucket, int kind, stale):
    """Make the candidates of a bucket again, without those of stale rules, in their order."""
    cdef list kept = []
    cdef CompiledRule rule
    cdef uint32_t i
    if bucket == NULL:
        return kept
    for i in range(bucket.n_candidates):
        rule = <CompiledRule>bucket.candidates[i].rule
        if rule.key not in stale:
            index = bucket.candidates[i].match
            listener = <str>bucket.candidates[i].listener
            kept.append(_candidate(rule, index, rule.entry.matches[index], kind, listener))
    return kept


cdef _place_rules(Group* group, dict hosts, stale):
    """Put the noted places of one listener hostname into its group."""
    cdef HostRules* rules
    cdef bytes name
    for hostname, paths in hosts.items():
        name = hostname.encode()
        rules = _own_rules(&group.routes, name)
        for (kind, path), added in paths.items():
            candidates = _kept(paths_get(rules, kind, path), kind, stale) + added
            candidates.sort(key=_PRECEDENCE)    # stable: attachments of one rule stay in their order
            paths_set(rules, kind, path, candidates)
        if paths_empty(rules):
            hosts_remove(&group.routes, name, paths_release)


# --- Compiling ---

cdef dict _by_kind(keys, entries):
    """Sort what keys stand for now by type: lists of (key, entry)."""
    cdef dict kinds = {Listener: [], Rule: [], Backend: [], Policy: [], CredentialSet: []}
    for key in keys:
        entry = entries.get(key)
        if entry is not None:
            kinds[type(entry)].append((key, entry))
    return kinds


cdef dict _refresh(dict old, keys, list made):
    """Take over old without keys, and with what was made of their entries; old itself where that is the same."""
    cdef list gone = [key for key in keys if key in old] if old else []
    cdef dict new
    if not gone and not made:
        return old
    new = old.copy()
    for key in gone:
        del new[key]
    new.update(made)
    return new


cdef list _policies(list pairs, dict key_sets):
    """Make one policy of equal entries: one that targets a Gateway is merged into each of its rules."""
    cdef dict equal = {}
    cdef list made = []
    for key, entry in pairs:
        policy = equal.get(entry)
        if policy is None:
            equal[entry] = policy = policy_new(entry, key_sets)
        made.append((key, policy))
    return made


cdef list _users_of_keys(dict policies, keys):
    """Policies other than keys themselves whose credential set is among keys."""
    cdef list users = []
    for key, policy in policies.items():
        auth = policy.entry.api_key
        if auth is not None and auth.credentials in keys and key not in keys:
            users.append(key)
    return users


cdef list _users(dict rules, keys):
    """Rules other than keys themselves that were compiled from a policy or backend among keys."""
    cdef CompiledRule rule
    cdef list users = []
    for key, rule in rules.items():
        for need in rule.needs:
            if need in keys and key not in keys:
                users.append(key)
                break
    return users


cdef _compile_nouns(Table table, Table previous, entries, changed):
    """Compile all that changed and all that was compiled from it; the keys of both."""
    cdef dict kinds = _by_kind(changed, entries)
    cdef list users = []
    table._listeners = _refresh(previous._listeners, changed, kinds[Listener])
    made = [(key, KeySet(entry.credentials)) for key, entry in kinds[CredentialSet]]
    table._key_sets = _refresh(previous._key_sets, changed, made)
    if table._key_sets is not previous._key_sets:
        users = _users_of_keys(previous._policies, changed)
    kinds[Policy] += [(key, entries[key]) for key in users]
    changed = changed.union(users) if users else changed
    table._policies = _refresh(previous._policies, changed, _policies(kinds[Policy], table._key_sets))
    made = [(key, backend_new(key, entry)) for key, entry in kinds[Backend]]
    table.backends = _refresh(previous.backends, changed, made)
    users = []
    if table._policies is not previous._policies or table.backends is not previous.backends:
        users = _users(previous.rules, changed)
    kinds[Rule] += [(key, entries[key]) for key in users]
    changed = changed.union(users) if users else changed
    made = [(key, rule_new(key, entry, table._policies, table.backends)) for key, entry in kinds[Rule]]
    table.rules = _refresh(previous.rules, changed, made)
    return changed


cdef _index_all(Table table):
    """Begin the index anew: every listener has its group, with rules or without, as it takes its hosts either way."""
    cdef dict groups = {}
    for listener in table._listeners.values():
        groups.setdefault((listener.port, listener.hostname), {})
    for rule in table.rules.values():
        _collect(groups, rule, table._listeners, True)
    _index_groups(table, groups, frozenset())


cdef _index_changed(Table table, Table previous, changed):
    """Share the previous index, and redo the places that changed rules had or have."""
    cdef dict groups = {}
    _share_ports(table, previous)
    for key in changed:
        if key in previous.rules:
            _collect(groups, previous.rules[key], table._listeners, False)
        if key in table.rules:
            _collect(groups, table.rules[key], table._listeners, True)
    _index_groups(table, groups, changed)


cdef _index_groups(Table table, dict groups, stale):
    for (port, hostname), hosts in groups.items():
        _place_rules(_own_group(&_port(table, port).listeners, hostname.encode()), hosts, stale)


def compile_table(entries, version=0, Table previous=None, changed=None):
    """Compile a snapshot's entries. With previous and the keys that changed, what they do not touch is shared."""
    cdef Table table = Table.__new__(Table)
    table.version = version
    if previous is None or changed is None:
        previous = Table.__new__(Table)
        changed = entries.keys()
    else:
        changed = frozenset(changed)
    changed = _compile_nouns(table, previous, entries, changed)
    if table._listeners is previous._listeners:
        _index_changed(table, previous, changed)
    else:
        _index_all(table)
    return table
