/* The system calls that each request makes, without the C library's way around them.
 *
 * In a process with threads, which any Python with a watchdog is, glibc's recv and send are points at which a thread may be
 * cancelled, and pay two atomic operations each for it. Nobody cancels our threads.
 */
#ifndef AGW_SOCKETS_H
#define AGW_SOCKETS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* As recv(2), send(2) and sendmsg(2): -1 and errno. The variants that check themselves go the library's way, since that is
 * where the sanitiser looks at what is received and sent. */
static inline ssize_t agw_recv(int fd, void *into, size_t size, int flags)
{
#ifdef AGW_DEBUG
    return recv(fd, into, size, flags);
#else
    return syscall(SYS_recvfrom, fd, into, size, flags, NULL, NULL);
#endif
}

static inline ssize_t agw_send(int fd, const void *data, size_t size, int flags)
{
#ifdef AGW_DEBUG
    return send(fd, data, size, flags);
#else
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
#endif
}

static inline ssize_t agw_sendmsg(int fd, const struct msghdr *message, int flags)
{
#ifdef AGW_DEBUG
    return sendmsg(fd, message, flags);
#else
    return syscall(SYS_sendmsg, fd, message, flags);
#endif
}

#endif
