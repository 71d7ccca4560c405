/* Clients that are no good: many connections that each send a part of a message, and then almost nothing.
 *
 *   crowd --connect 127.0.0.1:8080 --script FILE [--connections 100] [--at-once 200] [--drip-ms 0] [--read 1]
 *         [--sources 1] [--timeout 600]
 *
 * FILE holds the bytes that each connection sends: the first --at-once of them at once (0: all), the others one by one,
 * one each --drip-ms (0: never), the connections spread evenly over that time. With --read 0 no answer is ever read.
 *
 * When every connection has sent its first bytes or has failed, it prints a line of JSON. Each line on stdin asks for
 * another one, and the end of stdin for the last. `first_ms`, `median_ms` and `last_ms` are the ages of connections
 * when the peer closed them; `statuses` counts what they were answered first. */
#include "net.h"
#include <fcntl.h>

#define WINDOW 256      /* connects in progress at a time: below any listener's backlog */
#define TICK_MS 10
#define MOST_STATUS 600

struct conn {
    int fd;                 /* -1: closed */
    int settled;            /* the first bytes are sent, or it failed */
    int answered;
    int64_t since;          /* ns: when it began to connect */
    size_t sent;            /* bytes of the message */
    size_t due;             /* bytes of the message that may be sent by now */
};

static struct sockaddr_in peer;
static struct conn *conns;
static char *message;
static size_t message_size, at_once;
static long connections, opened, settled, closed, refused, sources, statuses[MOST_STATUS];
static uint32_t *ages;      /* ms, one per connection that the peer closed */
static int epoll, reading;
static char scratch[65536];

static void read_message(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) die(path);
    message = malloc(1 << 20);
    if (!message) die("malloc");
    ssize_t got = read(fd, message, 1 << 20);
    if (got <= 0) die(path);
    message_size = (size_t)got;
    close(fd);
}

static void settle(struct conn *conn) {
    if (conn->settled) return;
    conn->settled = 1;
    settled++;
}

static void lose(struct conn *conn) {
    if (conn->sent || conn->settled)
        ages[closed++] = (uint32_t)((now_ns() - conn->since) / 1000000);
    else
        refused++;
    close(conn->fd);
    conn->fd = -1;
    settle(conn);
}

static void push(struct conn *conn) {
    if (conn->sent < conn->due) {
        ssize_t sent = send(conn->fd, message + conn->sent, conn->due - conn->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            lose(conn);
            return;
        }
        if (sent > 0) conn->sent += (size_t)sent;
    }
    if (conn->sent >= at_once) settle(conn);
}

static void open_next(void) {
    int one = 1;
    struct conn *conn = &conns[opened];
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) die("socket");
    no_delay(conn->fd);
    if (sources > 1) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(opened % sources));
        setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(conn->fd, (struct sockaddr *)&from, sizeof from) < 0) die("bind");
    }
    conn->since = now_ns();
    conn->due = at_once;
    opened++;
    if (connect(conn->fd, (struct sockaddr *)&peer, sizeof peer) < 0 && errno != EINPROGRESS) {
        lose(conn);
        return;
    }
    watch(epoll, conn->fd, (reading ? EPOLLIN : 0u) | EPOLLOUT | EPOLLRDHUP, conn);
}

static void note_status(struct conn *conn, const char *bytes, ssize_t size) {
    if (conn->answered) return;
    conn->answered = 1;
    long status = size > 12 && !memcmp(bytes, "HTTP/1.", 7) ? strtol(bytes + 9, NULL, 10) : 0;
    statuses[status > 0 && status < MOST_STATUS ? status : 0]++;
}

static void receive(struct conn *conn) {
    for (;;) {
        ssize_t size = recv(conn->fd, scratch, sizeof scratch, 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) {
            lose(conn);
            return;
        }
        note_status(conn, scratch, size);
    }
}

static void on_event(struct conn *conn, uint32_t events) {
    if (conn->fd >= 0 && events & EPOLLOUT && !(events & (EPOLLERR | EPOLLHUP))) push(conn);
    if (conn->fd >= 0 && reading && events & (EPOLLIN | EPOLLRDHUP)) receive(conn);
    if (conn->fd >= 0 && events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) lose(conn);
}

/* The share of the connections whose turn it is sends a byte each. */
static void drip(long drip_ms) {
    static int64_t begun;
    static long turn;
    if (!begun) begun = now_ns();
    long turns = drip_ms / TICK_MS;
    for (int64_t now = (now_ns() - begun) / 1000000 / TICK_MS; turn < now; turn++)
        for (long i = turn % turns; i < opened; i += turns) {
            struct conn *conn = &conns[i];
            if (conn->fd < 0 || !conn->settled || conn->due >= message_size) continue;
            conn->due++;
            push(conn);
        }
}

static int ascending(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static void report(void) {
    const char *comma = "";
    size_t count = closed ? (size_t)closed : 1;
    qsort(ages, (size_t)closed, sizeof *ages, ascending);
    printf("{\"connections\": %ld, \"closed\": %ld, \"refused\": %ld, \"first_ms\": %u, \"median_ms\": %u, "
           "\"last_ms\": %u, \"statuses\": {",
           connections, closed, refused, ages[0], ages[count / 2], ages[count - 1]);
    for (int i = 0; i < MOST_STATUS; i++)
        if (statuses[i]) {
            printf("%s\"%d\": %ld", comma, i, statuses[i]);
            comma = ", ";
        }
    printf("}}\n");
    fflush(stdout);
}

/* 0 at the end of stdin; every line of it is a question. */
static int questions(void) {
    ssize_t size = read(STDIN_FILENO, scratch, sizeof scratch);
    if (size <= 0) return 0;
    for (ssize_t i = 0; i < size; i++)
        if (scratch[i] == '\n') report();
    return 1;
}

int main(int argc, char **argv) {
    struct epoll_event events[BATCH];
    int input_tag, going = 1, told = 0;
    peer = address_of(required(argc, argv, "connect"));
    read_message(required(argc, argv, "script"));
    connections = number(argc, argv, "connections", 100);
    sources = number(argc, argv, "sources", 1);
    reading = number(argc, argv, "read", 1) != 0;
    at_once = (size_t)number(argc, argv, "at-once", 0);
    long drip_ms = number(argc, argv, "drip-ms", 0);
    if (!at_once || at_once > message_size) at_once = message_size;
    if (!connections || (drip_ms && drip_ms < TICK_MS)) refuse("nothing to do, or too fast");
    alarm((unsigned)number(argc, argv, "timeout", 600));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc((size_t)connections, sizeof *conns);
    ages = calloc((size_t)connections, sizeof *ages);
    if (epoll < 0 || !conns || !ages) die("start");
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = &input_tag};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0) die("stdin is not a pipe");
    while (going) {
        while (opened < connections && opened - settled < WINDOW) open_next();
        int count = epoll_wait(epoll, events, BATCH, TICK_MS);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == (void *)&input_tag)
                going = questions();
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        if (drip_ms) drip(drip_ms);
        if (!told && settled == connections) {
            told = 1;
            report();
        }
    }
    report();
    return 0;
}
