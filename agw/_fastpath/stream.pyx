"""A non-blocking socket with a write buffer.

What is written goes to the buffer and leaves it in flush(), once per batch of work, so that a head and its body take
one system call. Little of it leaves when all events of the batch have been gone through (flush_soon): the calls that
wake others come side by side, so that a peer that sleeps is woken once for what several connections have for it.

What the kernel does not take waits for EPOLLOUT. Reading is into memory of the caller's: a stream that is idle owns
none.
"""

from libc.errno cimport EAGAIN, EINTR, errno

from agw._fastpath.buffer cimport buffer_append, buffer_free, buffer_size
from agw._fastpath.poller cimport EPOLLIN, EPOLLOUT

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_NOSIGNAL
        SOL_SOCKET
        SO_LINGER
    struct linger:
        int l_onoff
        int l_linger
    int setsockopt(int fd, int level, int name, const void* value, unsigned int size)
    struct msghdr:
        void* msg_name
        unsigned int msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags

cdef extern from "sockets.h" nogil:
    ssize_t agw_recv(int fd, void* into, size_t size, int flags)
    ssize_t agw_send(int fd, const void* data, size_t size, int flags)
    ssize_t agw_sendmsg(int fd, const msghdr* message, int flags)

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len


cdef enum:
    SOON = 16384            # bytes that may wait for the end of the batch


cdef class Stream(Source):
    def __dealloc__(self):
        buffer_free(&self.out)

    cdef Py_ssize_t read(self, unsigned char* into, Py_ssize_t room) noexcept:
        """Bytes read (at least 1), or STREAM_EOF, STREAM_AGAIN, STREAM_LOST."""
        cdef Py_ssize_t n
        while True:
            n = agw_recv(self.fd, into, room, 0)
            if n >= 0:
                return n
            if errno != EINTR:
                return STREAM_AGAIN if errno == EAGAIN else STREAM_LOST

    cdef int write(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Put bytes behind those that wait."""
        if not self.broken or self.keeps():
            buffer_append(&self.out, data, size)
        return 0

    cdef int flush(self) except -1:
        """Give the kernel what it takes; ask for EPOLLOUT while something is left."""
        cdef Py_ssize_t n, size = buffer_size(&self.out)
        if size == 0 or self.connecting or self.fd < 0:
            return 0
        n = agw_send(self.fd, self.out.data + self.out.start, size, MSG_NOSIGNAL)
        return self._wrote(n, size)

    cdef int flush_soon(self) except -1:
        """Flush at the end of the batch; now, where there is none or much waits."""
        if backlog(self) <= SOON and self.poller.at_end(self):
            return 0
        return self.flush()

    cdef int on_batch_over(self) except -1:
        return self.flush()

    cdef int _wrote(self, Py_ssize_t n, Py_ssize_t size) except -1:
        if n < 0:
            if errno != EAGAIN and errno != EINTR:
                # The peer is gone. Its side of the story (an answer already sent, a reset) is for the reader.
                self.broken = True
                if not self.keeps():
                    self.out.end = 0
                self.out.start = self.out.end
                return self.poller.change(self, self.interest & ~EPOLLOUT)
            n = 0
        self.sent += n
        self.out.start += n
        if n < size:
            return self.poller.change(self, self.interest | EPOLLOUT)
        if self.interest & EPOLLOUT:
            self.poller.change(self, self.interest & ~EPOLLOUT)
        return self.written_out()

    cdef bint keeps(self) noexcept:
        """What is written is wanted even where it cannot be sent: it may be sent again elsewhere."""
        return False

    cdef int written_out(self) except -1:
        """All is with the kernel. The codec may still want the bytes (to send them again), so it decides."""
        self.out.start = self.out.end = 0
        return 0

    cdef int write_through(
        self, const unsigned char* data, Py_ssize_t size, const unsigned char* tail, Py_ssize_t tail_size,
    ) except -1:
        """Write a large stretch without copying what the kernel takes at once, then the few bytes of a tail."""
        cdef iovec parts[3]
        cdef msghdr message
        cdef Py_ssize_t waiting = buffer_size(&self.out), n
        if self.broken or self.fd < 0:
            return 0
        if self.connecting or self.interest & EPOLLOUT:
            self.write(data, size)
            return self.write(tail, tail_size)
        parts[0].iov_base = self.out.data + self.out.start
        parts[0].iov_len = waiting
        parts[1].iov_base = <void*> data
        parts[1].iov_len = size
        parts[2].iov_base = <void*> tail
        parts[2].iov_len = tail_size
        message.msg_name = message.msg_control = NULL
        message.msg_namelen = 0
        message.msg_controllen = 0
        message.msg_flags = 0
        message.msg_iov = parts
        message.msg_iovlen = 3
        n = agw_sendmsg(self.fd, &message, MSG_NOSIGNAL)
        if n < waiting:
            self._wrote(n, waiting)
            self.write(data, size)
            return self.write(tail, tail_size)
        self.sent += n
        self.out.start = self.out.end = 0
        n -= waiting
        if n < size:
            self.write(data + n, size - n)
            n = size
        self.write(tail + (n - size), tail_size - (n - size))
        if buffer_size(&self.out):
            self.poller.change(self, self.interest | EPOLLOUT)
        return 0

    cdef int want_read(self, bint on) except -1:
        """Whether arriving bytes should wake us: the whole of back-pressure."""
        if on:
            return self.poller.change(self, self.interest | EPOLLIN)
        return self.poller.change(self, self.interest & ~<uint32_t> EPOLLIN)

    cdef int reset(self) except -1:
        """Close so that the peer sees an error and not an end: RST instead of FIN."""
        cdef linger option
        if self.fd >= 0:
            option.l_onoff = 1
            option.l_linger = 0
            setsockopt(self.fd, SOL_SOCKET, SO_LINGER, &option, sizeof(option))
        return self.poller.remove(self)
