/* Calls that fail when a test says so: preloaded, it stands between the compiled modules and the C library.
 *
 * Only calls out of agw's own modules are counted and can fail (agw_fault_range() tells where these lie), so Python and
 * the test itself are left alone. One call fails: the agw_fault_at-th of agw_fault_kind, with agw_fault_errno; where
 * that is 0, a call that sends takes one byte. OBJECT: any allocation at all while agw_fault_inside is set, Python's own
 * among them (PYTHONMALLOC=malloc).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))
#define NEXT(name) ((__typeof__(&name))next(#name, &next_##name))
#define HERE ((uintptr_t)__builtin_return_address(0))

enum kind { MALLOC, REALLOC, RECV, SEND, SENDMSG, ACCEPT4, CONNECT, SOCKET, EPOLL_CTL, SETSOCKOPT, GETSOCKOPT, OBJECT, KINDS };

SHOWN int agw_fault_kind = -1;
SHOWN int agw_fault_errno = 0;
SHOWN int agw_fault_inside = 0;
SHOWN int64_t agw_fault_at = 0;
SHOWN int64_t agw_fault_calls[KINDS];

static struct { uintptr_t start, end; } ranges[128];
static int n_ranges;

SHOWN void agw_fault_range(uintptr_t start, uintptr_t end) {
    if (n_ranges < 128) {
        ranges[n_ranges].start = start;
        ranges[n_ranges++].end = end;
    }
}

static int fails(enum kind kind, uintptr_t caller) {
    for (int i = 0; i < n_ranges; i++)
        if (ranges[i].start <= caller && caller < ranges[i].end)
            return ++agw_fault_calls[kind] == agw_fault_at && (int)kind == agw_fault_kind;
    return 0;
}

/* Whether an allocation fails, as one out of our modules or as one of many. */
static int starves(enum kind kind, uintptr_t caller) {
    if (agw_fault_inside && ++agw_fault_calls[OBJECT] == agw_fault_at && agw_fault_kind == OBJECT)
        return 1;
    return n_ranges && fails(kind, caller);
}

static int failed(void) {
    errno = agw_fault_errno;
    return -1;
}

/* What dlsym() itself allocates before it has found the allocator. */
static char early[4096];
static size_t early_used;
static int resolving;

static void *next(const char *name, void **found) {
    if (!*found) {
        resolving = 1;
        *found = dlsym(RTLD_NEXT, name);
        resolving = 0;
    }
    return *found;
}

static void *next_malloc, *next_realloc, *next_calloc, *next_recv, *next_send, *next_sendmsg, *next_accept4,
    *next_connect, *next_socket, *next_epoll_ctl, *next_setsockopt, *next_getsockopt, *next_syscall;

void *malloc(size_t size);
void *realloc(void *data, size_t size);
void *calloc(size_t count, size_t size);

SHOWN void *malloc(size_t size) {
    if (resolving) {
        size_t at = (early_used + 15) & ~(size_t)15;
        early_used = at + size;
        return early_used <= sizeof early ? early + at : NULL;
    }
    if (starves(MALLOC, HERE)) {
        errno = ENOMEM;
        return NULL;
    }
    return NEXT(malloc)(size);
}

SHOWN void *realloc(void *data, size_t size) {
    if (starves(REALLOC, HERE)) {
        errno = ENOMEM;
        return NULL;
    }
    return NEXT(realloc)(data, size);
}

SHOWN void *calloc(size_t count, size_t size) {
    if (resolving)
        return malloc(count * size); /* early memory, which is zero */
    if (starves(MALLOC, HERE)) {
        errno = ENOMEM;
        return NULL;
    }
    return NEXT(calloc)(count, size);
}

SHOWN ssize_t recv(int fd, void *data, size_t size, int flags) {
    return fails(RECV, HERE) ? failed() : NEXT(recv)(fd, data, size, flags);
}

SHOWN ssize_t send(int fd, const void *data, size_t size, int flags) {
    if (fails(SEND, HERE)) {
        if (agw_fault_errno)
            return failed();
        size = size ? 1 : 0;
    }
    return NEXT(send)(fd, data, size, flags);
}

SHOWN ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (fails(SENDMSG, HERE)) {
        if (agw_fault_errno)
            return failed();
        for (size_t i = 0; i < message->msg_iovlen; i++)
            if (message->msg_iov[i].iov_len)
                return NEXT(send)(fd, message->msg_iov[i].iov_base, 1, flags);
    }
    return NEXT(sendmsg)(fd, message, flags);
}

/* The release variant's way to recv, send and sendmsg. */
SHOWN long syscall(long number, ...) {
    va_list rest;
    long of[6];
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        of[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_recvfrom && fails(RECV, HERE))
        return failed();
    if (number == SYS_sendto && fails(SEND, HERE)) {
        if (agw_fault_errno)
            return failed();
        of[2] = of[2] ? 1 : 0;
    }
    if (number == SYS_sendmsg && fails(SENDMSG, HERE)) {
        if (agw_fault_errno)
            return failed();
        const struct msghdr *message = (const struct msghdr *)of[1];
        for (size_t i = 0; i < message->msg_iovlen; i++)
            if (message->msg_iov[i].iov_len)
                return NEXT(send)((int)of[0], message->msg_iov[i].iov_base, 1, (int)of[2]);
    }
    return NEXT(syscall)(number, of[0], of[1], of[2], of[3], of[4], of[5]);
}

SHOWN int accept4(int fd, struct sockaddr *where, socklen_t *size, int flags) {
    return fails(ACCEPT4, HERE) ? failed() : NEXT(accept4)(fd, where, size, flags);
}

SHOWN int connect(int fd, const struct sockaddr *where, socklen_t size) {
    return fails(CONNECT, HERE) ? failed() : NEXT(connect)(fd, where, size);
}

SHOWN int socket(int family, int type, int protocol) {
    return fails(SOCKET, HERE) ? failed() : NEXT(socket)(family, type, protocol);
}

SHOWN int epoll_ctl(int epfd, int what, int fd, struct epoll_event *event) {
    return fails(EPOLL_CTL, HERE) ? failed() : NEXT(epoll_ctl)(epfd, what, fd, event);
}

SHOWN int setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    return fails(SETSOCKOPT, HERE) ? failed() : NEXT(setsockopt)(fd, level, name, value, size);
}

SHOWN int getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
    return fails(GETSOCKOPT, HERE) ? failed() : NEXT(getsockopt)(fd, level, name, value, size);
}
