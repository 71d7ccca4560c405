# Which operation of A2A a request is, by agw.a2a.operations: from a method's name, or from a path.

from libc.stdint cimport uint32_t

# The numbers of agw.a2a.operations.Operation; a house test holds them together.
cdef enum Operation:
    OP_NONE = 0
    OP_GET_AGENT_CARD = 1
    OP_SEND_MESSAGE = 2
    OP_SEND_STREAMING_MESSAGE = 3
    OP_GET_TASK = 4
    OP_LIST_TASKS = 5
    OP_CANCEL_TASK = 6
    OP_SUBSCRIBE_TO_TASK = 7
    OP_CREATE_TASK_PUSH_NOTIFICATION_CONFIG = 8
    OP_GET_TASK_PUSH_NOTIFICATION_CONFIG = 9
    OP_LIST_TASK_PUSH_NOTIFICATION_CONFIGS = 10
    OP_DELETE_TASK_PUSH_NOTIFICATION_CONFIG = 11
    OP_GET_EXTENDED_AGENT_CARD = 12

# A stretch of a path.
cdef struct PathSpan:
    const unsigned char* data   # NULL: there is none
    uint32_t size               # bytes, as they stand in the path

# The operation of a JSON-RPC method, 0 where it is none; place: where its parameters have the task's id (IdPlace).
cdef int rpc_operation(const char* name, uint32_t size, int* place) noexcept nogil
# The operation of an HTTP+JSON request, 0 where it is none; task: the id of its task, percent-encoded as it came.
# method_id: MethodId; HEAD counts as GET. The path is borrowed, without its query.
cdef int rest_operation(int method_id, const unsigned char* path, uint32_t size, PathSpan* task) noexcept nogil
# Whether no agent reads another operation out of this path than rest_operation does: one that ignores case, cuts
# parameters off or decodes once more.
cdef bint is_plain_path(int method_id, const unsigned char* path, uint32_t size, int operation) noexcept nogil
# The operation of a gRPC method's path, 0 where it is none.
cdef int grpc_operation(const unsigned char* path, uint32_t size) noexcept nogil
