# Who sends a request: the API key that it presents.

from agw._fastpath.message cimport RequestHead
from agw._fastpath.route cimport CompiledPolicy

cdef enum:
    ANONYMOUS = -1          # no key was needed and none was given
    MISSING = -2            # no key, and one was needed
    REFUSED = -3            # a wrong one, or more than one

# Index of the consumer in the policy's keys, or one of the above. The credential that let the client in is marked with
# FIELD_DROP, unless the policy forwards it. The head is borrowed for the call.
cdef int authenticate(RequestHead* head, CompiledPolicy policy) noexcept
# Take out whatever could be a key, of a request that needs none: for an agent that must not see keys.
cdef void take_out_keys(RequestHead* head, CompiledPolicy policy) noexcept
