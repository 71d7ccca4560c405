"""The client codec of HTTP/1.1: one exchange at a time on a connection to an endpoint.

    CONNECTING --connected--> HEAD --final head--> BODY --end--> IDLE --send_head--> HEAD
        any state --fault, end of file, deadline--> CLOSED (the exchange hears of it, once)

A connection is kept only where its position is beyond doubt: the answer ended where its framing said, nothing came
after it, and the request had been sent to its end. An idle one that turns readable is closed: what a server sends
without being asked is no answer to anything (RFC 9112 9.2).
"""

cimport cython
from libc.errno cimport EADDRNOTAVAIL, EAGAIN, EINPROGRESS, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, errno
from libc.string cimport memcpy, memset
from posix.unistd cimport close

from agw._fastpath.buffer cimport buffer_append, buffer_free, buffer_size
from agw._fastpath.exchange cimport RECEIVE_ROOM, X_MIRROR, X_PAUSED_UP, Exchange
from agw._fastpath.http1_body cimport CHUNK_DATA, CHUNK_END, CHUNK_ERROR, CHUNK_TRAILER, chunk_next
from agw._fastpath.http1_head cimport HEAD_MORE, parse_response_head
from agw._fastpath.http1_trailers cimport parse_trailers
from agw._fastpath.http1_write cimport chunk_line, write_request_head
from agw._fastpath.idle cimport idle_add, idle_remove
from agw._fastpath.message cimport (
    FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, FRAMING_UNTIL_CLOSE, M_HEAD, RequestHead,
)
from agw._fastpath.poller cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from agw._fastpath.pool cimport MAX_IDLE, sockaddr
from agw._fastpath.record cimport (
    C_UPSTREAM_ACTIVE, C_UPSTREAM_CONNECTS, R_CONNECT_FAILED, R_INTERNAL, R_STREAM_IDLE, R_UPSTREAM_CLOSED,
    R_UPSTREAM_INVALID, R_UPSTREAM_TIMEOUT,
)
from agw._fastpath.route cimport CompiledRule
from agw._fastpath.stream cimport LOW_MARK, STREAM_AGAIN, STREAM_EOF, backlog

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
        MSG_PEEK
        SHUT_WR
        SOCK_CLOEXEC
        SOCK_NONBLOCK
        SOCK_STREAM
        SOL_SOCKET
        SO_KEEPALIVE
        SO_ERROR
    int socket(int family, int type, int protocol)
    int connect(int fd, const sockaddr* where, unsigned int size)
    int setsockopt(int fd, int level, int name, const void* value, unsigned int size)
    int getsockopt(int fd, int level, int name, void* value, unsigned int* size)
    int shutdown(int fd, int how)

cdef extern from "sockets.h" nogil:
    ssize_t agw_recv(int fd, void* into, size_t size, int flags)

cdef extern from "<netinet/in.h>" nogil:
    enum:
        IPPROTO_TCP

cdef extern from "<netinet/tcp.h>" nogil:
    enum:
        TCP_NODELAY

cdef enum:
    MAX_INTERIM = 16        # answers of status 1xx to one request
    KEPT = 65536            # bytes of a request that are kept for sending them again
    DIRECT = 16384          # bytes from which a stretch of body is not copied first


@cython.final
cdef class Http1Upstream(Upstream):
    def __dealloc__(self):
        buffer_free(&self.pending)
        buffer_free(&self.trailers)

    cdef int on_events(self, uint32_t events) except -1:
        if self.state == U_CONNECTING:
            return self._connected()
        if self.state == U_IDLE:
            return self._close()
        if events & EPOLLOUT:
            self.flush()
            if self.exchange is not None and backlog(self) <= LOW_MARK:
                self.exchange.upstream_drained()
        if self.fd >= 0 and events & (EPOLLIN | EPOLLERR | EPOLLHUP):
            return self._receive()
        return 0

    cdef int on_timer(self) except -1:
        if self.state == U_IDLE:
            return self._close()
        if self.state == U_CONNECTING or (self.state == U_HEAD and self.request_done):
            return self._fail(R_UPSTREAM_TIMEOUT)
        if self.tunnel and self.request_done:
            return self._complete(False)
        if self.state == U_BODY and self.silence_ms:
            return self._silent()
        if self.state == U_BODY and self.exchange.rule.backend_timeout_ms and not self.exchange.streaming():
            return self._fail(R_UPSTREAM_TIMEOUT)
        return 0

    cdef int on_fault(self) except -1:
        return self._fail(R_INTERNAL)

    cdef int _connected(self) except -1:
        cdef int error = 0
        cdef unsigned int size = sizeof(error)
        if getsockopt(self.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 or error:
            return self._fail(R_CONNECT_FAILED)
        self.connecting = False
        self.state = U_HEAD
        if not self.endpoint.health.quiet:
            self.context.pool.reached(self.endpoint, self.poller.now_ms)
        self.poller.disarm(self)
        self.poller.change(self, EPOLLIN)
        if self.request_done:
            self._await_answer()
        self.flush()
        if self.exchange is not None and backlog(self) <= LOW_MARK:
            return self.exchange.upstream_drained()
        return 0

    cdef int _await_answer(self) except -1:
        cdef CompiledRule rule = self.exchange.rule
        cdef int64_t patience = rule.backend_timeout_ms
        if not patience and not (rule.own_patience and not self.exchange.flags & X_MIRROR):
            patience = self.context.response_header_timeout_ms
        if patience:
            return self.poller.arm(self, patience)
        self.poller.disarm(self)
        return 0

    # --- the request ----------------------------------------------------------------------------------------------

    cdef int send_head(self, RequestHead* head) except -1:
        memset(&self.head_state, 0, sizeof(self.head_state))
        if self.state == U_IDLE:
            self.state = U_HEAD
        self.interim = 0
        self.request_done = False
        self.replayable = self.reused
        self.sent_before = self.sent
        self.to_head = head.method_id == M_HEAD
        self.wants_trailers = head.wants_trailers
        self.websocket = head.websocket
        self.chunked = head.framing == FRAMING_CHUNKED
        return write_request_head(&self.out, head)

    cdef int send_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        cdef char line[20]
        if self.replayable and self.out.end + size > KEPT:
            self.replayable = False
            if backlog(self) == 0:
                self.out.start = self.out.end = 0
        if self.chunked:
            self.write(<const unsigned char*> line, chunk_line(line, size))
        if size >= DIRECT and not self.replayable:
            return self.write_through(data, size, b"\r\n", 2 if self.chunked else 0)
        self.write(data, size)
        return self.write(b"\r\n", 2) if self.chunked else 0

    cdef int send_end(self) except -1:
        self.request_done = True
        if self.tunnel:
            self.poller.arm(self, self.context.write_stall_ms)
            return self._shut() if backlog(self) == 0 else 0
        if self.chunked:
            self.write(b"0\r\n\r\n", 5)
        return self._await_answer() if self.state == U_HEAD else 0

    cdef int _shut(self) except -1:
        """The client's side of the tunnel has ended, and all of it is with the kernel."""
        shutdown(self.fd, SHUT_WR)
        return 0

    cdef bint keeps(self) noexcept:
        return self.replayable

    cdef int written_out(self) except -1:
        if self.tunnel and self.request_done:
            self._shut()
        if self.replayable:
            self.out.start = self.out.end
        else:
            self.out.start = self.out.end = 0
        return 0

    cdef int replay(self, Upstream failed) except -1:
        cdef Http1Upstream before = <Http1Upstream> failed
        self.to_head = before.to_head
        self.wants_trailers = before.wants_trailers
        self.websocket = before.websocket
        self.chunked = before.chunked
        self.request_done = before.request_done
        self.sent_before = self.sent
        buffer_append(&self.out, before.out.data, before.out.end)
        return self.flush()

    # --- the answer -----------------------------------------------------------------------------------------------

    cdef int _receive(self) except -1:
        cdef unsigned char* data = self.context.receive
        cdef Py_ssize_t before = buffer_size(&self.pending)
        cdef Py_ssize_t size, used = 0
        if before:
            memcpy(data, self.pending.data + self.pending.start, before)
        size = self.read(data + before, RECEIVE_ROOM)
        if size == STREAM_AGAIN:
            return 0
        if size <= 0:
            return self._ended(size == STREAM_EOF)
        size += before
        while used < size and self.state == U_HEAD:
            before = self._head(data + used, size - used)
            if before == 0:
                break
            used += before
        if self.state == U_BODY and self.exchange is not None:
            if self.framing == FRAMING_NONE or (self.framing == FRAMING_LENGTH and self.body_left == 0):
                return self._complete(used == size)
            while used < size and self.exchange is not None and self.state == U_BODY:
                before = self._body(data + used, size - used)
                used += before
                if self.state == U_BODY and self.body_left < 0:
                    return self._complete(used == size)
        if self.exchange is None:
            return 0
        buffer_free(&self.pending)
        if used < size:
            buffer_append(&self.pending, data + used, size - used)
        if self.silence_ms:
            self.poller.arm(self, self.silence_ms)
        return self.exchange.flush_response()

    cdef Py_ssize_t _head(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Parse one head; 0 where it is not complete or was refused."""
        cdef ResponseHead head
        cdef Py_ssize_t used = 0
        cdef int result = parse_response_head(
            data, size, &self.head_state, &self.context.limits, self.to_head, self.context.fields, &head, &used
        )
        if result == HEAD_MORE:
            return 0
        if result or (head.status == 101 and not (self.websocket and head.websocket)):
            # A 101 that was not asked for (RFC 9110 15.2.2), or to something else.
            self._fail(R_UPSTREAM_INVALID)
            return 0
        memset(&self.head_state, 0, sizeof(self.head_state))
        if head.status == 101:
            self.tunnel = True
            self.request_done = False
            head.framing = FRAMING_UNTIL_CLOSE
            self._begin_body(&head)
            self.poller.disarm(self)
            self.exchange.response_tunnel(&head)
            return used
        if head.status < 200:
            self.interim += 1
            if self.interim > MAX_INTERIM:
                self._fail(R_UPSTREAM_INVALID)
                return 0
            self.exchange.response_interim(&head)
            return used
        self._final(&head)
        return used

    cdef int _final(self, ResponseHead* head) except -1:
        self._begin_body(head)
        return self.exchange.response_head(head)

    cdef int _begin_body(self, const ResponseHead* head) except -1:
        self.state = U_BODY
        self.framing = head.framing
        self.keep = head.keep_alive
        self.body_left = head.content_length if head.framing == FRAMING_LENGTH else 0
        memset(&self.chunk, 0, sizeof(self.chunk))
        self.silence_ms = self.exchange.rule.stream_idle_ms if head.event_stream else 0
        # Nothing is sent again once the agent has begun to answer.
        if self.replayable:
            self.replayable = False
            if backlog(self) == 0:
                self.out.start = self.out.end = 0
        return 0

    cdef int _silent(self) except -1:
        """The agent has sent nothing for as long as it may; not so where it was not listened to."""
        cdef char byte
        if self.exchange.flags & X_PAUSED_UP or agw_recv(self.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0:
            return self.poller.arm(self, self.silence_ms)
        return self._fail(R_STREAM_IDLE)

    cdef Py_ssize_t _body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Hand on body bytes; body_left is -1 after the last of them."""
        cdef Py_ssize_t used = 0, start = 0, count = 0
        cdef int result
        if self.framing == FRAMING_UNTIL_CLOSE:
            self.exchange.response_body(data, size)
            return size
        if self.framing == FRAMING_LENGTH:
            used = size if size < self.body_left else <Py_ssize_t> self.body_left
            self.body_left -= used
            self.exchange.response_body(data, used)
            if self.body_left == 0:
                self.body_left = -1
            return used
        result = chunk_next(&self.chunk, data, size, &used, &start, &count)
        if result == CHUNK_DATA:
            self.exchange.response_body(data + start, count)
        elif result == CHUNK_TRAILER and self.wants_trailers:
            buffer_append(&self.trailers, data + start, count)
        elif result == CHUNK_END:
            if buffer_size(&self.trailers):
                self._trailers()
            self.body_left = -1
        elif result >= CHUNK_ERROR:
            self._fail(R_UPSTREAM_INVALID)
        return used

    cdef int _trailers(self) except -1:
        """Hand on the trailers that may be handed on (RFC 9110 6.5.1). The decoder has checked every byte of them."""
        cdef int count = 0
        cdef int result = parse_trailers(
            self.trailers.data, buffer_size(&self.trailers), self.context.fields, self.context.limits.fields, &count
        )
        if result == 0:
            self.exchange.response_trailers(self.context.fields, count)
        buffer_free(&self.trailers)
        return 0

    cdef int _complete(self, bint exact) except -1:
        return self.exchange.response_end(exact and self.keep)

    cdef int _ended(self, bint clean) except -1:
        """The agent has closed the connection, or (not clean) reset it: only the first can end an answer."""
        if self.state == U_BODY and self.framing == FRAMING_UNTIL_CLOSE and clean and not self.broken:
            return self._complete(False)
        return self._fail(R_UPSTREAM_CLOSED)

    cdef int _fail(self, int reason) except -1:
        cdef Exchange exchange = self.exchange
        cdef bint nothing = self.state <= U_HEAD and self.interim == 0 and buffer_size(&self.pending) == 0
        self._close()
        if exchange is not None:
            exchange.upstream_failed(reason, nothing)
        return 0

    # --- the connection -------------------------------------------------------------------------------------------

    cdef int _close(self) except -1:
        if self.state == U_CLOSED:
            return 0
        if self.state == U_IDLE:
            idle_remove(&self.endpoint.idle, self)
        self.state = U_CLOSED
        self.context.upstreams -= 1
        self.context.counters[C_UPSTREAM_ACTIVE] -= 1
        return self.poller.remove(self)

    cdef int abandon(self) except -1:
        return self._close()

    cdef int release(self) except -1:
        if self.endpoint.idle.count >= MAX_IDLE or self.broken or backlog(self):
            return self._close()
        self.state = U_IDLE
        self.reused = self.at_rest = True
        if not self.interest & EPOLLIN:
            self.want_read(True)
        buffer_free(&self.out)
        buffer_free(&self.pending)
        buffer_free(&self.trailers)
        idle_add(&self.endpoint.idle, self)
        return self.poller.arm(self, self.context.upstream_idle_ms)

    cdef bint usable(self) noexcept:
        cdef char byte
        idle_remove(&self.endpoint.idle, self)
        self.state = U_HEAD
        self.at_rest = False
        if self.poller.all_seen:
            return True     # it had not ended when the batch began, and to ask again is a system call for each request
        if agw_recv(self.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 and errno == EAGAIN:
            return True
        self._close()
        return False


@cython.final
cdef class Http1Connector(Connector):
    cdef Upstream open(self, Context context, Endpoint endpoint):
        cdef Http1Upstream up = Http1Upstream.__new__(Http1Upstream)
        cdef int one = 1
        cdef int family = (<unsigned short*> &endpoint.where)[0]
        cdef int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
        if fd < 0 and (errno == EMFILE or errno == ENFILE) and context.reclaim():
            # A request that is here counts more than a client that may send one.
            fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
        self.own_fault = fd < 0
        if fd < 0:
            return None
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
        # An agent whose node vanished in the middle of a silent stream is noticed, with the kernel's own patience.
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one))
        context.counters[C_UPSTREAM_CONNECTS] += 1
        if connect(fd, <const sockaddr*> &endpoint.where, endpoint.where_size) < 0 and errno != EINPROGRESS:
            self.own_fault = errno in (EADDRNOTAVAIL, EAGAIN, ENOBUFS, ENOMEM, EPERM)
            close(fd)
            return None
        up.context = context
        up.poller = context.poller
        up.endpoint = endpoint
        up.fd = fd
        up.state = U_CONNECTING
        up.connecting = True
        try:
            context.poller.add(up, EPOLLIN | EPOLLOUT)
        except OSError:
            self.own_fault = True
            close(fd)
            return None
        context.upstreams += 1
        context.counters[C_UPSTREAM_ACTIVE] += 1
        context.poller.arm(up, context.connect_timeout_ms)
        return up
