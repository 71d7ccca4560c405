# Whether a request is let in, and where it goes.

from libc.stdint cimport int64_t

from agw._fastpath.message cimport RequestHead
from agw._fastpath.pool cimport Pool
from agw._fastpath.route cimport CompiledPolicy, WeightedRef
from agw._fastpath.table cimport Table

# What must be known of a request before it goes on.
cdef enum Want:
    WANT_GRANT = 1          # its operation, for authorization: what cannot be read is refused
    WANT_OPERATION = 2      # its operation, for rate limits: what cannot be read falls under all of them
    WANT_IDS = 4            # its task and context, for limits and affinity; where they are not found it goes on without

# The decision about one request. rule and ref are borrowed from the table, NULL where there is none.
cdef struct Admission:
    void* rule          # CompiledRule
    WeightedRef* ref    # of the backend
    void* listener      # str, the listener's key; set with the rule
    int status          # to answer with at once (204: a preflight, 3xx: a redirect); 0: forward to the backend
    int reason          # Reason, with a status
    int consumer        # index into the policy's keys, negative without
    int wants           # Want: the decision waits for what the request turns out to ask for
    bint metered        # it falls under rate limits
    bint guessed        # it presented a key that is nobody's

# Who a consumer's index stands for; None for nobody.
cdef str consumer_name(CompiledPolicy policy, int consumer)

# table: None while there is no configuration. port: the listener's. max_body: bytes, 0 = without limit. The credential
# that let the client in is marked with FIELD_DROP. The head is borrowed for the call.
cdef int admit(Admission* verdict, RequestHead* head, Table table, Pool pool, int port, int64_t max_body) except -1
