# The one upgrade that is let through: WebSocket (RFC 6455).

from agw._fastpath.message cimport RequestHead, ResponseHead

# Whether a request is a valid opening handshake (RFC 6455 4.1). nominated: its Connection has the option "upgrade".
cdef bint asks_for_websocket(const RequestHead* head, bint nominated) noexcept nogil

# Whether a 101 agrees to one (RFC 6455 4.2.2).
cdef bint agrees_to_websocket(const ResponseHead* head, bint nominated) noexcept nogil
