# What the codecs and the exchange say to each other: heads, as borrowed spans.
#
# A head belongs to the codec that parsed it. Every pointer in it is borrowed: valid for the duration of the call that
# hands it over, and no longer. Whoever needs it later copies it. Nothing here knows HTTP/1 from HTTP/2.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

# The fields that some rule treats in a special way. 0: no rule knows the name.
cdef enum FieldId:
    F_OTHER = 0
    F_HOST
    F_CONTENT_LENGTH
    F_TRANSFER_ENCODING
    F_CONNECTION
    F_KEEP_ALIVE
    F_PROXY_CONNECTION
    F_PROXY_AUTHENTICATE
    F_PROXY_AUTHORIZATION
    F_TE
    F_TRAILER
    F_UPGRADE
    F_HTTP2_SETTINGS
    F_EXPECT
    F_AUTHORIZATION
    F_X_API_KEY
    F_COOKIE
    F_CONTENT_TYPE
    F_ACCEPT_ENCODING
    F_IF_NONE_MATCH
    F_IF_MODIFIED_SINCE
    F_RANGE
    F_X_FORWARDED_FOR
    F_X_FORWARDED_PROTO
    F_X_FORWARDED_HOST
    F_X_FORWARDED_PORT
    F_FORWARDED
    F_X_REAL_IP              # and True-Client-IP, CF-Connecting-IP: stripped alike
    F_VIA
    F_X_REQUEST_ID
    F_TRACEPARENT
    F_TRACESTATE
    F_PROXY                  # httpoxy
    F_OVERRIDE               # X-Original-URL, X-Rewrite-URL, X-HTTP-Method-Override
    F_ETAG
    F_CONTENT_ENCODING
    F_SERVER
    F_DATE
    F_ACCEPT
    F_MAX_FORWARDS
    F_A2A_VERSION
    F_ID_COUNT

cdef enum MethodId:
    M_OTHER = 0
    M_GET
    M_HEAD
    M_POST
    M_PUT
    M_DELETE
    M_OPTIONS
    M_PATCH
    M_CONNECT
    M_TRACE

cdef enum Framing:
    FRAMING_NONE = 0         # no body
    FRAMING_LENGTH           # content_length bytes
    FRAMING_CHUNKED
    FRAMING_UNTIL_CLOSE      # responses only

cdef enum FieldFlag:
    FIELD_DROP = 1           # the exchange or the codec decided that it is not forwarded

cdef struct Field:
    const unsigned char* name     # as received; compare folded
    const unsigned char* value    # OWS trimmed
    uint32_t value_len            # bytes
    uint16_t name_len             # bytes, at least 1
    uint8_t id                    # FieldId
    uint8_t flags                 # FieldFlag

cdef struct RequestHead:
    const unsigned char* method
    const unsigned char* path       # normalised: what is matched is what is forwarded; begins with "/" (or "*")
    const unsigned char* query      # after "?", NULL without one
    const unsigned char* authority  # the validated Host as received
    const unsigned char* host       # lower-case, no port, no trailing dot: for matching
    const unsigned char* whole      # the body, where all of it came with the head: content_length bytes; else NULL
    Field* fields                   # n_fields of them
    int64_t content_length          # bytes; only with FRAMING_LENGTH
    uint32_t method_len
    uint32_t path_len
    uint32_t query_len
    uint32_t authority_len
    uint32_t host_len
    int n_fields
    int port                        # port in the authority, 0 without one
    uint8_t method_id               # MethodId
    uint8_t framing                 # Framing
    uint8_t minor                   # HTTP/1.x minor version; 1 for any other protocol
    uint8_t keep_alive              # the client may send another request on this connection
    uint8_t expect_continue
    uint8_t wants_trailers          # TE: trailers
    uint8_t websocket               # a valid opening handshake of RFC 6455

cdef struct ResponseHead:
    const unsigned char* reason     # reason phrase as received
    Field* fields
    int64_t content_length
    uint32_t reason_len
    int n_fields
    int status                      # 100 to 599
    uint8_t framing
    uint8_t minor
    uint8_t keep_alive              # the upstream connection may be used again
    uint8_t event_stream            # Content-Type is text/event-stream
    uint8_t websocket               # 101, and it agrees to a WebSocket
