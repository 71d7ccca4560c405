"""The server codec of HTTP/1.1: requests of one connection, in order, one exchange at a time.

    PROXY --header of a load balancer, from configured networks alone--> HEAD
    HEAD --no body--> WAIT --done--> HEAD
    HEAD --body--> BODY --last byte--> WAIT
    BODY --answered early--> DISCARD (at most 64 KiB and 1 s) --last byte--> HEAD
    any --last answer--> CLOSING (all is read, and the client said that nothing follows) --> CLOSED
    any --last answer--> LINGER (something may still come: FIN first, so that the client gets the answer before a reset
                         can drop it, RFC 9112 9.6) --> CLOSED

Pipelined requests wait in `pending`, and the socket is not read while 32 KiB of them do. The end of the client's side
while an answer is due counts as its going away: a client that has closed looks the same, and an agent that works for
nobody should be told.
"""

cimport cython
from libc.errno cimport EAGAIN, errno
from libc.string cimport memcpy, memmove, memset

from agw._fastpath.buffer cimport buffer_append, buffer_free, buffer_size
from agw._fastpath.exchange cimport RECEIVE_ROOM, Exchange, new_exchange
from agw._fastpath.http1_body cimport (
    CHUNK_DATA, CHUNK_END, CHUNK_ERROR, CHUNK_MORE, CHUNK_TOO_LARGE, chunk_next,
)
from agw._fastpath.http1_head cimport HEAD_MORE, parse_request_head
from agw._fastpath.http1_write cimport chunk_line, write_response_head, write_trailers
from agw._fastpath.idle cimport idle_add, idle_remove
from agw._fastpath.message cimport (
    FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, FRAMING_UNTIL_CLOSE, Field, M_HEAD, RequestHead, ResponseHead,
)
from agw._fastpath.networks cimport ip_text
from agw._fastpath.poller cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from agw._fastpath.proxy_protocol cimport PROXY_ERROR, PROXY_MORE, ProxyHeader, ProxyResult, parse_proxy_header
from agw._fastpath.record cimport (
    C_DOWNSTREAM_BYTES_IN, C_DOWNSTREAM_BYTES_OUT, R_BAD_REQUEST, R_CLIENT_CLOSED, R_CLIENT_STALLED,
    R_EXPECTATION_FAILED, R_HEAD_TOO_LARGE, R_INTERNAL, R_METHOD_REFUSED, R_NOT_IMPLEMENTED,
    R_REQUEST_TIMEOUT, R_UNAUTHENTICATED, R_VERSION_REFUSED,
)
from agw._fastpath.stream cimport LOW_MARK, STREAM_AGAIN, STREAM_EOF, backlog

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
        MSG_PEEK
        SHUT_WR
    int shutdown(int fd, int how)

cdef extern from "sockets.h" nogil:
    ssize_t agw_recv(int fd, void* into, size_t size, int flags)

cdef extern from "<sys/ioctl.h>" nogil:
    int ioctl(int fd, unsigned long request, ...)

cdef extern from "<linux/sockios.h>" nogil:
    enum:
        SIOCOUTQ

cdef enum:
    LOOK_AHEAD = 32768      # bytes of requests that may wait for their turn
    DISCARD = 65536         # bytes of a request that are read only to keep its connection
    DISCARD_MS = 1000
    TINY = 1024             # bytes of a chunk up to which it is put behind the one before it
    DIRECT = 16384          # bytes from which a stretch of body is not copied first
    DRAIN_IDLE_MS = 1000    # how long an idle connection has for one more request while draining


cdef int _reason(int status) noexcept:
    """Why a request with this parse result is refused."""
    if status == 401: return R_UNAUTHENTICATED
    if status == 405: return R_METHOD_REFUSED
    if status == 408: return R_REQUEST_TIMEOUT
    if status == 414 or status == 431: return R_HEAD_TOO_LARGE
    if status == 417: return R_EXPECTATION_FAILED
    if status == 501: return R_NOT_IMPLEMENTED
    if status == 505: return R_VERSION_REFUSED
    return R_BAD_REQUEST


@cython.final
cdef class Http1Downstream(Downstream):
    def __dealloc__(self):
        buffer_free(&self.pending)

    cdef int on_events(self, uint32_t events) except -1:
        if events & EPOLLOUT:
            self.flush()
            if self.fd >= 0 and self.exchange is not None and backlog(self) <= LOW_MARK:
                self.exchange.downstream_drained()
        if self.fd < 0:
            return 0
        if events & (EPOLLERR | EPOLLHUP) and not events & EPOLLIN:
            return self._ended()
        if events & EPOLLIN:
            return self._receive()
        return 0

    cdef int on_timer(self) except -1:
        if backlog(self) or (self.state == D_LINGER and self._taken() < self.sent):
            # Closed with bytes that nobody read, the kernel would drop what the client has not got yet.
            return self._watch_writing() if self.stalled_at < 0 else self._look_at_writing()
        if self.state == D_HEAD and (buffer_size(&self.pending) or self.head_state.lines):
            return self._refuse(408)
        if self.state == D_BODY:
            if self.interest & EPOLLIN:
                return self.exchange.request_refused(408, R_REQUEST_TIMEOUT)
            return self.poller.arm(self, self.context.body_idle_ms)
        if self.state == D_WAIT or self.state == D_CLOSED:
            return 0
        return self._close()

    cdef int on_fault(self) except -1:
        cdef Exchange exchange = self.exchange
        self._close()
        return exchange.request_lost(R_INTERNAL) if exchange is not None else 0

    # --- the request ----------------------------------------------------------------------------------------------

    cdef int _receive(self) except -1:
        cdef unsigned char* data = self.context.receive
        cdef Py_ssize_t size, used, before = buffer_size(&self.pending)
        cdef bint partial = self.state == D_HEAD and before > 0
        if self.state == D_WAIT:
            before = 0
        if before:
            memcpy(data, self.pending.data + self.pending.start, before)
        size = self.read(data + before, RECEIVE_ROOM)
        if size == STREAM_AGAIN:
            return 0
        if size == STREAM_EOF and self.state == D_TUNNEL:
            # This side has said all; the other may still have something to say.
            self.want_read(False)
            return self.exchange.request_end()
        if size <= 0:
            return self._ended()
        self.context.counters[C_DOWNSTREAM_BYTES_IN] += size
        idle_remove(&self.context.resting, self)
        if self.state == D_WAIT:
            buffer_append(&self.pending, data, size)
            if buffer_size(&self.pending) >= LOOK_AHEAD:
                self.full = True
                self.want_read(False)
            return 0
        size += before
        used = self._consume(data, size)
        if self.fd < 0:
            return 0
        self.pending.start = self.pending.end = 0
        if used < size:
            buffer_append(&self.pending, data + used, size - used)
        elif self.pending.data != NULL:
            buffer_free(&self.pending)
        if self.state == D_HEAD and used < size and not partial:
            # Absolute: bytes that trickle in do not move it (RFC 9110 15.5.9).
            self.poller.disarm(self)
            self.poller.arm(self, self.context.header_deadline_ms)
        elif self.state == D_BODY:
            if self._too_slow():
                return self.exchange.request_refused(408, R_REQUEST_TIMEOUT)
            self.poller.arm(self, self.context.body_idle_ms)
        elif self.state == D_HEAD and used == size:
            idle_add(&self.context.resting, self)
        return self.exchange.flush_request() if self.exchange is not None else 0

    cdef int _ended(self) except -1:
        """The client has ended its side, or is gone."""
        cdef Exchange exchange = self.exchange
        self._close()
        return exchange.request_lost(R_CLIENT_CLOSED) if exchange is not None else 0

    cdef Py_ssize_t _consume(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Go through received bytes as far as they can be dealt with now."""
        cdef Py_ssize_t used = 0, n
        self.consuming = True
        while used < size:
            if self.state == D_HEAD:
                n = self._head(data + used, size - used)
                if n == 0:
                    break
            elif self.state == D_BODY or self.state == D_DISCARD:
                n = self._body(data + used, size - used)
            elif self.state == D_TUNNEL:
                n = size - used
                self.exchange.request_body(data + used, n)
            elif self.state == D_WAIT:
                break
            elif self.state == D_PROXY:
                n = self._proxied(data + used, size - used)
                if n == 0:
                    break
            else:
                n = self._ignore(size - used)
            used += n
        self.consuming = False
        return used

    cdef Py_ssize_t _ignore(self, Py_ssize_t size) except -1:
        self.budget -= size
        if self.state == D_LINGER and self.budget < 0:
            # Not closed: the reset that would follow could overtake the answer.
            self.want_read(False)
        return size

    cdef void know_peer(self, const uint8_t* ip, uint16_t port) noexcept:
        """Whose connection this is: by the socket, or by what a load balancer says."""
        memcpy(self.peer, ip, 16)
        self.peer_port = port
        self.peer_len = <uint8_t> ip_text(ip, self.peer_text)
        self.trusted = self.context.forwarding.trusted_peers.contains(ip)

    cdef Py_ssize_t _proxied(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Read the PROXY header; 0 where it is not complete. Without one nobody is who this client is."""
        cdef ProxyHeader header
        cdef Py_ssize_t used = 0
        cdef ProxyResult result = parse_proxy_header(data, size, &header, &used)
        if result == PROXY_MORE:
            return 0
        if result == PROXY_ERROR:
            self._refuse(400)
            return size
        if header.known:
            self.know_peer(header.ip, header.port)
        self.state = D_HEAD
        self.poller.arm(self, self.context.keepalive_idle_ms)
        return used

    cdef Py_ssize_t _head(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Parse one head and begin its exchange; 0 where it is not complete."""
        cdef RequestHead head
        cdef Context context = self.context
        cdef Py_ssize_t used = 0
        cdef int result = parse_request_head(
            data, size, &self.head_state, &context.limits, context.head_scratch, context.fields, &head, &used
        )
        if result == HEAD_MORE:
            return 0
        if result:
            self._refuse(result)
            return size
        self.framing = head.framing
        self.minor = head.minor
        self.to_head = head.method_id == M_HEAD
        self.expect_continue = head.expect_continue
        self.served += 1
        self.parting = not head.keep_alive
        self.last = self.parting or self.served == <uint32_t> context.connection_requests
        self.body_left = head.content_length
        head.whole = NULL
        if head.framing == FRAMING_LENGTH and head.content_length and size - used >= head.content_length:
            head.whole = data + used
        self.state = D_BODY
        if head.framing == FRAMING_NONE or (head.framing == FRAMING_LENGTH and head.content_length == 0):
            self.state = D_WAIT
        elif head.framing == FRAMING_CHUNKED:
            memset(&self.chunk, 0, sizeof(self.chunk))
        self.exchange = new_exchange(context, self)
        self._pace()
        self.exchange.begin(&head)
        return used

    cdef Py_ssize_t _body(self, const unsigned char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t used = 0, count = 0
        cdef int result
        if self.framing == FRAMING_LENGTH:
            used = count = size if size < self.body_left else <Py_ssize_t> self.body_left
            self.body_left -= used
            if self.state == D_BODY:
                self.exchange.request_body(data, count)
            result = CHUNK_END if self.body_left == 0 else CHUNK_DATA
        else:
            result = self._chunks(<unsigned char*> data, size, &used)
        if self.state == D_DISCARD:
            # Only what belongs to the body counts: the next request may lie behind it.
            self.budget -= used
            if self.budget < 0:
                self._close()
                return size
        if result == CHUNK_END:
            self._body_over()
        elif result >= CHUNK_ERROR:
            if self.state == D_BODY:
                self.exchange.request_refused(
                    431 if result == CHUNK_TOO_LARGE else 400,
                    R_HEAD_TOO_LARGE if result == CHUNK_TOO_LARGE else R_BAD_REQUEST,
                )
            else:
                self._close()
            return size
        return used

    cdef int _chunks(self, unsigned char* data, Py_ssize_t size, Py_ssize_t* used) except -1:
        """Decode chunks; those of a few bytes are put together where they lie, so that a flood of them is no flood
        further on. The data is our own receive buffer, and what is behind `used` is left as it is."""
        cdef Py_ssize_t n = 0, start = 0, count = 0, first = 0, held = 0
        cdef int result = CHUNK_MORE
        used[0] = 0
        while used[0] < size and result <= CHUNK_DATA:
            result = chunk_next(&self.chunk, data + used[0], size - used[0], &n, &start, &count)
            start += used[0]
            used[0] += n
            if result != CHUNK_DATA or self.state != D_BODY:
                continue
            if held and count <= TINY:
                memmove(data + first + held, data + start, count)
                held += count
                continue
            if held:
                self.exchange.request_body(data + first, held)
                if self.state != D_BODY:
                    return CHUNK_MORE
            first = start
            held = count
        if held and result < CHUNK_ERROR:
            self.exchange.request_body(data + first, held)
        return result

    cdef int _body_over(self) except -1:
        """The last byte of the body is behind us."""
        if self.state == D_BODY:
            self.state = D_WAIT
            return self.exchange.request_end()
        if self.state == D_DISCARD:
            self.state = D_HEAD
            memset(&self.head_state, 0, sizeof(self.head_state))
            return self.poller.arm(self, self.context.keepalive_idle_ms)
        return 0

    cdef int _refuse(self, int status) except -1:
        """Answer what is no request, and close."""
        self.minor = 1
        self.to_head = False
        self.last = True
        self.framing = FRAMING_UNTIL_CLOSE
        self.state = D_BODY
        self.exchange = new_exchange(self.context, self)
        return self.exchange.answer(status, _reason(status))

    # --- the answer -----------------------------------------------------------------------------------------------

    cdef int respond_continue(self) except -1:
        self.expect_continue = False
        self.write(b"HTTP/1.1 100 Continue\r\n\r\n", 25)
        return self.flush()

    cdef int respond_interim(self, ResponseHead* head) except -1:
        if self.minor == 0:
            return 0
        write_response_head(&self.out, head, FRAMING_NONE, -1, False, False)
        return self.flush()

    cdef bint _can_discard(self) noexcept:
        """Whether what is left of the request is little enough to read it and keep the connection."""
        if self.state != D_BODY:
            return True
        if self.expect_continue:
            return False
        return self.framing == FRAMING_CHUNKED or (self.framing == FRAMING_LENGTH and self.body_left <= DISCARD)

    cdef int respond_head(self, ResponseHead* head) except -1:
        cdef int framing = head.framing
        cdef int64_t length = head.content_length
        if not self._can_discard() or (head.status == 413 and self.state == D_BODY):
            self.last = True
        if self.to_head and framing != FRAMING_NONE:
            framing = FRAMING_NONE
        elif head.status == 204:
            framing = FRAMING_NONE
            length = -1
        elif framing == FRAMING_UNTIL_CLOSE or framing == FRAMING_CHUNKED:
            framing = FRAMING_CHUNKED if self.minor else FRAMING_UNTIL_CLOSE
        if framing == FRAMING_UNTIL_CLOSE:
            self.last = True
        self.answer_framing = framing
        self.ended = False
        if self.broken:
            return 0
        return write_response_head(
            &self.out, head, framing, length, self.last, self.minor == 0 and not self.last
        )

    cdef int respond_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        cdef char line[20]
        if size == 0 or self.answer_framing == FRAMING_NONE:
            return 0
        if self.answer_framing == FRAMING_CHUNKED:
            self.write(<const unsigned char*> line, chunk_line(line, size))
            if size >= DIRECT:
                return self.write_through(data, size, b"\r\n", 2)
            self.write(data, size)
            return self.write(b"\r\n", 2)
        if size >= DIRECT:
            return self.write_through(data, size, b"", 0)
        return self.write(data, size)

    cdef int respond_trailers(self, const Field* fields, int count) except -1:
        if self.answer_framing == FRAMING_CHUNKED and not self.broken:
            self.ended = True
            return write_trailers(&self.out, fields, count)
        return 0

    cdef int respond_end(self) except -1:
        if self.answer_framing == FRAMING_CHUNKED and not self.ended:
            self.write(b"0\r\n\r\n", 5)
        return 0

    cdef int respond_tunnel(self, ResponseHead* head) except -1:
        self.answer_framing = FRAMING_UNTIL_CLOSE
        self.last = True
        self.state = D_TUNNEL
        if not self.broken:
            write_response_head(&self.out, head, FRAMING_NONE, -1, False, False)
        # Bytes that came before the agent's word waited for it, as the next request or as the tunnel's first.
        return self._resume()

    cdef int respond_abort(self) except -1:
        # What came of the answer is sent. A length that is not reached, or a last chunk that never comes, says that it
        # is cut; where only the end of the connection would end it, that end is a reset, which no client takes for one.
        self.last = True
        self.flush()
        if self.answer_framing != FRAMING_UNTIL_CLOSE or self.fd < 0:
            return 0
        self._leave()
        return self.reset()

    cdef int done(self, bint request_complete) except -1:
        if self.state == D_CLOSED or self.fd < 0:
            return 0
        if self.state == D_BODY and self.framing == FRAMING_LENGTH and self.body_left == 0:
            request_complete = True
        if self.last or self.broken:
            self.flush()
            return self._finish_connection(request_complete)
        if not request_complete:
            self.state = D_DISCARD
            self.budget = DISCARD
            self.poller.disarm(self)
            self.poller.arm(self, DISCARD_MS)
        else:
            self.state = D_HEAD
            memset(&self.head_state, 0, sizeof(self.head_state))
            self.poller.arm(self, self.context.keepalive_idle_ms)
        if self.out.data != NULL and backlog(self) == 0:
            buffer_free(&self.out)
        elif backlog(self) and not self.is_told:
            self._watch_writing()
        return 0 if self.consuming else self._resume()

    cdef int _resume(self) except -1:
        """Deal with what came while the last exchange was under way."""
        cdef Py_ssize_t used
        cdef Buffer waiting
        if self.full or not self.interest & EPOLLIN:
            self.full = False
            self.want_read(True)
        if buffer_size(&self.pending) == 0:
            if self.state == D_HEAD:
                idle_add(&self.context.resting, self)
            return 0
        # Taken out first: the end of the connection frees `pending` while its bytes are being read.
        waiting = self.pending
        memset(&self.pending, 0, sizeof(self.pending))
        try:
            used = self._consume(waiting.data + waiting.start, buffer_size(&waiting))
            if self.state == D_HEAD or self.state == D_BODY or self.state == D_WAIT:
                buffer_append(&self.pending, waiting.data + waiting.start + used, buffer_size(&waiting) - used)
        except BaseException:
            # It may be the agent's side that woke us: this connection has lost its place all the same.
            self.on_fault()
            raise
        finally:
            buffer_free(&waiting)
        if self.fd < 0:
            return 0
        if buffer_size(&self.pending) == 0:
            buffer_free(&self.pending)
            if self.state == D_HEAD:
                idle_add(&self.context.resting, self)
        elif self.state == D_HEAD:
            self.poller.disarm(self)
            self.poller.arm(self, self.context.header_deadline_ms)
        return self.exchange.flush_request() if self.exchange is not None else 0

    cdef void _pace(self) noexcept:
        """The body is read from now on."""
        self.paced_since = self.poller.now_ms
        self.paced_at = self.exchange.account.request_bytes if self.exchange is not None else 0

    cdef bint _too_slow(self) noexcept:
        """Whether the body has come at less than the least rate, over a stretch of time in which it was read."""
        cdef int64_t elapsed = self.poller.now_ms - self.paced_since
        cdef int64_t came = self.exchange.account.request_bytes - self.paced_at
        if elapsed < self.context.pace_ms:
            return False
        self._pace()
        return came * 1000 < self.context.min_rate * elapsed

    cdef int want_read(self, bint on) except -1:
        if on:
            self._pace()
        return Downstream.want_read(self, on)

    # --- the connection -------------------------------------------------------------------------------------------

    cdef int written_out(self) except -1:
        self.out.start = self.out.end = 0
        self.stalled_at = -1
        if self.state == D_CLOSING:
            return self._close()
        if self.state == D_LINGER:
            return self._say_end()
        if self.exchange is None:
            buffer_free(&self.out)
        return 0

    cdef int flush(self) except -1:
        Downstream.flush(self)
        self._count_sent()
        if backlog(self) and self.stalled_at < 0 and self.fd >= 0:
            return self._watch_writing()
        return 0

    cdef int64_t _taken(self) noexcept:
        """Bytes that the client's kernel has acknowledged: what lies in our own kernel's buffer is no progress."""
        cdef int unsent = 0
        ioctl(self.fd, SIOCOUTQ, &unsent)
        return self.sent - unsent

    cdef int _watch_writing(self) except -1:
        self.stalled_at = self._taken()
        self.stalled_since = self.poller.now_ms
        self.poller.disarm(self)
        return self.poller.arm(self, min(self.context.write_stall_ms, self.context.pace_ms))

    cdef int _look_at_writing(self) except -1:
        """Cut a client that takes nothing for too long, or too little."""
        cdef int64_t taken = self._taken() - self.stalled_at
        cdef int64_t elapsed = self.poller.now_ms - self.stalled_since
        cdef int64_t left = self.context.write_stall_ms - elapsed
        cdef Exchange exchange = self.exchange
        if taken == 0 and left > 0:
            return self.poller.arm(self, left)
        if taken and (elapsed < self.context.pace_ms or taken * 1000 >= self.context.min_rate * elapsed):
            return self._watch_writing()
        self.broken = True
        self._close()
        return exchange.request_lost(R_CLIENT_STALLED) if exchange is not None else 0

    cdef int _finish_connection(self, bint request_complete) except -1:
        """The last answer is written, or on its way."""
        if self.broken:
            return self._close()
        self.poller.disarm(self)
        if request_complete and self.parting and buffer_size(&self.pending) == 0 and not self.consuming:
            if backlog(self) == 0:
                return self._close()
            self.state = D_CLOSING
            self.poller.change(self, self.interest & ~<uint32_t> EPOLLIN)
            return self._watch_writing()
        self.state = D_LINGER
        self.budget = DISCARD
        buffer_free(&self.pending)
        self.want_read(True)
        return self._watch_writing() if backlog(self) else self._say_end()

    cdef int _say_end(self) except -1:
        """All is written: the client has a moment to read it and to close."""
        shutdown(self.fd, SHUT_WR)
        self.poller.disarm(self)
        return self.poller.arm(self, DISCARD_MS)

    cdef void _count_sent(self) noexcept:
        # As it is sent, not when the connection ends: a stream may last for days.
        self.context.counters[C_DOWNSTREAM_BYTES_OUT] += self.sent - self.accounted
        self.accounted = self.sent

    cdef int _leave(self) except -1:
        self.state = D_CLOSED
        self._count_sent()
        idle_remove(&self.context.resting, self)
        return self.context.connection_ended()

    cdef int _close(self) except -1:
        if self.state == D_CLOSED:
            return 0
        self._leave()
        if self.answer_framing == FRAMING_UNTIL_CLOSE and (self.exchange is not None or backlog(self)):
            # Only the end of the connection would end this answer, which is not complete.
            return self.reset()
        return self.poller.remove(self)

    cdef bint give_way(self) except -1:
        cdef char byte
        if backlog(self) or agw_recv(self.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 or errno != EAGAIN:
            return False
        self._close()
        return True

    cdef int on_cut(self) except -1:
        return self.exchange.request_cut() if self.exchange is not None else 0

    cdef int on_drain(self) except -1:
        # At most one more request: a connection that was idle anyway has a moment for one that is on its way.
        if self.state == D_HEAD and not buffer_size(&self.pending):
            self.poller.disarm(self)
            self.poller.arm(self, DRAIN_IDLE_MS)
        return 0
