# Who may ask for what: the authorization of a policy, compiled.

cimport cython
from libc.stdint cimport uint32_t


@cython.final
cdef class Grants:
    cdef readonly bint by_operation     # a rule names operations: what a request asks for must be known
    cdef readonly tuple rules           # of the snapshot's AuthorizationRule
    cdef list _consumers                # per rule: a frozenset of names, None for anybody
    cdef uint32_t _operations[64]       # per rule: a bit for each operation, 0 for any
    cdef bint _allow[64]                # per rule

    # Whether the first rule that matches allows this; no rule: it does not. consumer: None for nobody. known: False
    # where it cannot be said which operation it is; then nothing is allowed by rules that tell operations apart.
    cdef bint allows(self, str consumer, int operation, bint known) except -1

# rules: AuthorizationRules. Raises ValueError for an action, an operation or a number of them that is not known here.
cdef Grants grants_new(tuple rules)
