"""Authorization by consumer and operation: the first rule that matches decides, and no match is a refusal.

Rules: fail closed. Where any rule tells operations apart, a request of which nobody can say what it asks for is
refused, whatever else the rules say: a Deny that it might have fallen under would be passed by. For the same reason a
Deny that names operations takes what is none of A2A's too: a later version's, or a path that the agent has of its own.
"""

cimport cython

from agw.a2a.operations import OPERATIONS as _OPERATIONS

cdef enum:
    MAX_RULES = 64


@cython.final
@cython.no_gc    # nothing that it holds can refer to it
cdef class Grants:
    """The rules of one policy."""

    cdef bint allows(self, str consumer, int operation, bint known) except -1:
        cdef uint32_t bit = <uint32_t> 1 << operation
        cdef Py_ssize_t i
        if self.by_operation and not known:
            return False
        for i in range(len(self._consumers)):
            if self._operations[i] and not self._operations[i] & bit and (operation or self._allow[i]):
                continue
            if self._consumers[i] is not None and (consumer is None or consumer not in <frozenset> self._consumers[i]):
                continue
            return self._allow[i]
        return False

    def permits(self, consumer, operation, known=True):
        """For tests: see grants.pyi."""
        return bool(self.allows(consumer, _OPERATIONS.index(operation), known))


cdef Grants grants_new(tuple rules):
    cdef Grants grants = Grants.__new__(Grants)
    cdef int i = 0
    if len(rules) > MAX_RULES:
        raise ValueError("too many rules of authorization")
    grants.rules = rules
    grants._consumers = []
    for rule in rules:
        if rule.action not in ("Allow", "Deny"):
            raise ValueError(rule.action)
        grants._allow[i] = rule.action == "Allow"
        grants._operations[i] = 0
        for name in rule.operations:
            grants._operations[i] |= <uint32_t> 1 << <int> _OPERATIONS.index(name)
        grants.by_operation = grants.by_operation or bool(rule.operations)
        grants._consumers.append(frozenset(rule.consumers) if rule.consumers else None)
        i += 1
    return grants


def grants(rules):
    """For tests: see grants.pyi."""
    return grants_new(tuple(rules))
