"""Listening sockets: taking connections while there is room for them.

A worker that has all the connections that it may have closes the one that has been idle longest, which costs its
client no request; where none is idle it takes no more, and the kernel's backlog queues. Each connection is counted.
"""

cimport cython
from libc.errno cimport ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset
from posix.unistd cimport close, dup

from agw._fastpath.exchange cimport Context
from agw._fastpath.http1_downstream cimport D_PROXY, Http1Downstream
from agw._fastpath.idle cimport idle_add
from agw._fastpath.poller cimport EPOLLIN
from agw._fastpath.record cimport C_DOWNSTREAM_ACCEPTED, C_DOWNSTREAM_ACTIVE

cdef extern from "<sys/socket.h>" nogil:
    enum:
        AF_INET
        SOCK_CLOEXEC
        SOCK_NONBLOCK
    struct sockaddr:
        pass
    struct sockaddr_storage:
        unsigned short ss_family
    int accept4(int fd, sockaddr* where, unsigned int* size, int flags)

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr

cdef extern from "<arpa/inet.h>" nogil:
    unsigned short ntohs(unsigned short value)

cdef enum:
    ACCEPTS = 64            # connections taken per wake-up
    ACCEPT_PAUSE_MS = 500   # when there are no descriptors, or enough connections


cdef Http1Downstream _connection(Context context, int fd, int port, const sockaddr_storage* where):
    """The connection of a descriptor, in the set; where none can be made, the descriptor is closed."""
    cdef uint8_t ip[16]
    cdef const sockaddr_in* v4 = <const sockaddr_in*> where
    cdef const sockaddr_in6* v6 = <const sockaddr_in6*> where
    cdef Http1Downstream down
    try:
        down = Http1Downstream.__new__(Http1Downstream)
        down.context = context
        down.poller = context.poller
        down.fd = fd
        down.port = port
        down.stalled_at = -1
        if where.ss_family == AF_INET:
            memset(ip, 0, 10)
            ip[10] = ip[11] = 0xff
            memcpy(ip + 12, &v4.sin_addr, 4)
            down.know_peer(ip, ntohs(v4.sin_port))
        else:
            memcpy(ip, &v6.sin6_addr, 16)
            down.know_peer(ip, ntohs(v6.sin6_port))
        context.poller.add(down, EPOLLIN)
    except BaseException:
        close(fd)
        raise
    return down


@cython.final
cdef class Acceptor(Source):
    def __init__(self, Context context, int fd, int port):
        self.context = context
        self.poller = context.poller
        self.port = port
        self.fd = dup(fd)
        if self.fd < 0:
            raise OSError(errno, "dup")
        self.poller.add(self, EPOLLIN)

    def close(self):
        """Accept no more; connections that exist live on."""
        if self in self.context.waiting:
            self.context.waiting.remove(self)
        self.poller.remove(self)

    cdef int on_timer(self) except -1:
        if self in self.context.waiting:
            self.context.waiting.remove(self)
        try:
            return self.poller.change(self, EPOLLIN)
        except OSError:
            return self._wait()

    cdef int on_fault(self) except -1:
        # A connection could not be taken. The socket is never given up for it: no other takes its clients.
        return self._wait() if self.fd >= 0 else 0

    cdef bint _full(self) noexcept:
        """At the limit one more is taken only where a resting one can go for it."""
        cdef Context context = self.context
        if not context.max_connections or context.connections < context.max_connections:
            return False
        return context.resting.count == 0 or context.connections > context.max_connections

    cdef int _wait(self) except -1:
        """Take no more until a connection ends; descriptors may also be given back by others, so look again anyway."""
        try:
            self.poller.change(self, 0)
        except OSError:
            pass                # not even that: we are woken again at once, and try again
        if self not in self.context.waiting:
            self.context.waiting.append(self)
        return self.poller.arm(self, ACCEPT_PAUSE_MS)

    cdef int on_events(self, uint32_t events) except -1:
        for _ in range(ACCEPTS):
            if self._full():
                return self._wait()
            if not self._accept():
                return 0
        return 0

    cdef int _accept(self) except -1:
        """Take one connection; 0 when there is none left."""
        cdef sockaddr_storage where
        cdef unsigned int size = sizeof(where)
        cdef Http1Downstream down
        cdef int fd = accept4(self.fd, <sockaddr*> &where, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            if errno == EINTR or errno == ECONNABORTED:
                return 1
            if errno == EMFILE or errno == ENFILE or errno == ENOBUFS or errno == ENOMEM:
                if self.context.reclaim():
                    return 1
                self._wait()
            return 0
        down = _connection(self.context, fd, self.port, &where)
        self.context.connections += 1
        self.context.counters[C_DOWNSTREAM_ACCEPTED] += 1
        self.context.counters[C_DOWNSTREAM_ACTIVE] += 1
        if self.context.max_connections and self.context.connections > self.context.max_connections:
            self.context.reclaim()
        if self.context.proxies.contains(down.peer):
            down.state = D_PROXY
            self.poller.arm(down, self.context.header_deadline_ms)
        else:
            self.poller.arm(down, self.context.keepalive_idle_ms)
        idle_add(&self.context.resting, down)
        return 1
