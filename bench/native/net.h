/* What the native programs of the rig share: sockets, the clock, flags and failing loudly.
 *
 * Everything is IPv4 on loopback, edge-triggered epoll and non-blocking sockets. A program that cannot do its work
 * says why and exits with 1: a measurement over a broken peer is worse than none. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* epoll events taken per wait: more than the 32 connections of the usual scenario, so that one wait is one batch. */
#define BATCH 256

static inline _Noreturn void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static inline _Noreturn void refuse(const char *message) {
    fprintf(stderr, "%s\n", message);
    exit(2);
}

static inline int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* "127.0.0.1:8080" to an address; exits with 2 on anything else. */
static inline struct sockaddr_in address_of(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    int port;
    if (sscanf(text, "%63[^:]:%d", host, &port) != 2 || port < 0 || port > 65535 ||
        inet_pton(AF_INET, host, &address.sin_addr) != 1)
        refuse("an address is written as IPV4:PORT");
    address.sin_port = htons((uint16_t)port);
    return address;
}

static inline void no_delay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline int listen_on(const char *text) {
    struct sockaddr_in address = address_of(text);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(fd, 4096) < 0) die("listen");
    return fd;
}

/* Start a connection; it is in progress when this returns. */
static inline int dial(const struct sockaddr_in *peer) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    no_delay(fd);
    if (connect(fd, (const struct sockaddr *)peer, sizeof *peer) < 0 && errno != EINPROGRESS) die("connect");
    return fd;
}

static inline void watch(int epoll, int fd, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events | EPOLLET, .data.ptr = owner};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

/* The value that follows --name on the command line, or fallback. */
static inline const char *flag(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (!strncmp(argv[i], "--", 2) && !strcmp(argv[i] + 2, name)) return argv[i + 1];
    return fallback;
}

static inline long number(int argc, char **argv, const char *name, long fallback) {
    const char *text = flag(argc, argv, name, NULL);
    char *end;
    if (!text) return fallback;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < 0) refuse("a number was expected");
    return value;
}

static inline const char *required(int argc, char **argv, const char *name) {
    const char *text = flag(argc, argv, name, NULL);
    if (!text) {
        fprintf(stderr, "--%s is missing\n", name);
        exit(2);
    }
    return text;
}

/* The value of a header in a head of `length` bytes, or NULL. name: lower-case, begins with "\n", ends with ":". */
static inline const char *field(const char *head, size_t length, const char *name) {
    size_t size = strlen(name);
    for (const char *at = head, *end = head + length; at + size <= end; at++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at || at + size > end) return NULL;
        if (!strncasecmp(at, name, size)) return at + size;
    }
    return NULL;
}

#endif
