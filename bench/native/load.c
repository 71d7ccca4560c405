/* The clients of the rig: connections whose every response is checked.
 *
 *   load --connect 127.0.0.1:8080 --script FILE [--connections 32] [--status 200] [--length 130] [--timeout 120]
 *        [--sources 1]
 *   load --fresh 1 ...    a new connection for each request: the time of a request begins before it connects
 *   load --rate 1000 ...  requests at fixed times, that many a second, whether or not earlier ones were answered
 *   load --hold 1 ...     one request on each connection, at most 32 at a time; then keep all open until stdin ends
 *
 * For each line of stdin, a number, it sends that many requests over the connections that it keeps open, and prints a
 * line of JSON; so that slices of load on several proxies can take turns without the cost of connecting anew.
 * Without --rate it is a closed loop: a connection sends its next request when it has had the answer to the last one.
 * With it, a request whose time has come while all connections are busy waits for one, and its latency counts from
 * the time that was meant for it: a stall is paid by all that it holds up, as by users.
 *
 * Requests are sent in turn, whichever connection is free. A response counts when its status and Content-Length are the
 * expected ones and exactly that many bytes follow; all else is an error, and its connection is replaced. --fresh wants
 * requests that say "Connection: close", and leaves closing to the peer. Exits with 1 when it cannot connect, a line
 * takes longer than the timeout, or it sees more than 1,000 errors. */
#include "histogram.h"
#include "net.h"
#include "script.h"
#include <stddef.h>
#include <sys/timerfd.h>

#define MAX_HEAD 8192
#define MAX_ERRORS 1000
#define HOLD_WINDOW 32
#define SECOND 1000000000

struct conn {
    int fd;                 /* -1: not connected yet */
    int index;              /* which connection: picks its source address */
    int busy;               /* a response is awaited */
    int in_body;
    int last;               /* the response says Connection: close */
    int64_t sent_at;        /* ns; with --rate, when it was meant to be sent */
    const char *out;        /* what of the request the socket did not take yet; in the script */
    size_t out_left;
    uint64_t body_left;     /* bytes */
    size_t head_size;       /* bytes in head */
    struct conn *next;      /* in the line of the free, with --rate */
    char head[MAX_HEAD];    /* of an unfinished response head; pages untouched while responses come whole */
};

static struct sockaddr_in peer;
static struct script script;
static struct histogram latencies;
static long wanted, started, done, answered, errors, reconnects, sources, expected_status, expected_length;
static struct conn *conns;
static int epoll, holding, fresh;
static long opened, connections;
static char scratch[65536];

/* With --rate: requests a second, when the slice began, and the connections that are free, longest free first. */
static long rate;
static int64_t begun;
static int timer = -1, timer_tag;
static struct conn *first_free, **last_free = &first_free;

static void connect_to_peer(struct conn *conn) {
    int one = 1, index = conn->index;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    no_delay(fd);
    if (sources > 1) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index % sources));
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0) die("bind");
    }
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0) die("connect");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
    memset(conn, 0, offsetof(struct conn, next));
    conn->fd = fd;
    conn->index = index;
    watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, conn);
}

/* Send what is left of the request. -1: the connection is gone. */
static int flush(struct conn *conn) {
    while (conn->out_left) {
        ssize_t sent = send(conn->fd, conn->out, conn->out_left, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN ? 0 : -1;
        conn->out += sent;
        conn->out_left -= (size_t)sent;
    }
    return 0;
}

static void replace(struct conn *conn);

/* Send the next request on a connection. at: when its latency begins. */
static void begin_at(struct conn *conn, int64_t at) {
    if (fresh) {
        if (conn->fd >= 0) close(conn->fd);
        connect_to_peer(conn);
    }
    struct request request = next_request(&script);
    started++;
    conn->out = request.bytes;
    conn->out_left = request.size;
    conn->busy = 1;
    conn->sent_at = at;
    if (flush(conn) < 0) replace(conn);
}

static void begin(struct conn *conn) {
    if (started < wanted) begin_at(conn, now_ns());
}

/* When request `number` of the slice is meant to be sent. */
static int64_t due(long number) {
    return begun + number * SECOND / rate;
}

/* Send what is due while there are free connections, and be woken when the next one is. */
static void send_due(void) {
    int64_t now = now_ns();
    while (first_free && started < wanted && due(started) <= now) {
        struct conn *conn = first_free;
        first_free = conn->next;
        if (!first_free) last_free = &first_free;
        begin_at(conn, due(started));
    }
    if (!first_free || started == wanted) return; /* whoever is answered next looks again */
    int64_t at = due(started);
    struct itimerspec when = {.it_value = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND}};
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) < 0) die("timerfd_settime");
}

static void set_free(struct conn *conn) {
    conn->next = NULL;
    *last_free = conn;
    last_free = &conn->next;
}

/* A connection has nothing to do. */
static void go_on(struct conn *conn) {
    if (rate) {
        set_free(conn);
        send_due();
    } else {
        begin(conn);
    }
}

static void reopen(struct conn *conn) {
    reconnects++;
    close(conn->fd);
    connect_to_peer(conn);
}

/* A connection has ended, or is given up: an awaited response is an error. Another one takes its place. */
static void replace(struct conn *conn) {
    errno = 0;
    if (holding) die("a connection of the hold was closed or answered wrongly");
    int idle = !conn->busy;
    if (!idle) {
        errors++;
        done++;
    }
    if (errors > MAX_ERRORS) die("more than 1000 errors");
    conn->busy = 0;
    if (!fresh) reopen(conn);
    if (!(rate && idle)) go_on(conn); /* else it stands in the line of the free already */
}

static void open_next(void) {
    if (opened == connections) return;
    struct conn *conn = &conns[opened];
    conn->index = (int)opened++;
    conn->fd = -1;
    if (!fresh) connect_to_peer(conn);
    if (rate)
        set_free(conn);
    else
        begin(conn);
}

/* The status line and headers, whole. -1: not what was expected. */
static int check_head(struct conn *conn, size_t length) {
    if (length < 13 || memcmp(conn->head, "HTTP/1.1 ", 9)) return -1;
    if (strtol(conn->head + 9, NULL, 10) != expected_status) return -1;
    const char *value = field(conn->head, length, "\ncontent-length:");
    if (!value) return -1;
    conn->body_left = strtoull(value, NULL, 10);
    conn->in_body = 1;
    value = field(conn->head, length, "\nconnection:");
    conn->last = value && !strncasecmp(value + strspn(value, " "), "close", 5);
    return expected_length && conn->body_left != (uint64_t)expected_length ? -1 : 0;
}

static void complete(struct conn *conn) {
    conn->busy = 0;
    conn->in_body = 0;
    note(&latencies, now_ns() - conn->sent_at);
    answered++;
    done++;
    if (holding) {
        open_next();
    } else if (!fresh) { /* a fresh one goes on when the peer has closed it */
        if (conn->last) reopen(conn);
        go_on(conn);
    }
}

/* Bytes of a response. -1: it is not what was expected. */
static int consume(struct conn *conn, const char *bytes, size_t size) {
    if (!conn->busy) return -1;
    if (!conn->in_body) {
        size_t before = conn->head_size, room = MAX_HEAD - before, take = size < room ? size : room;
        memcpy(conn->head + before, bytes, take);
        conn->head_size += take;
        const char *end = memmem(conn->head, conn->head_size, "\r\n\r\n", 4);
        if (!end) return conn->head_size == MAX_HEAD ? -1 : 0;
        size_t length = (size_t)(end - conn->head) + 4;
        if (check_head(conn, length - 2) < 0) return -1;
        bytes += length - before;
        size -= length - before;
        conn->head_size = 0;
    }
    if (size > conn->body_left) return -1;
    conn->body_left -= size;
    if (!conn->body_left) complete(conn);
    return 0;
}

/* A read that fills less than the buffer has emptied the socket, unless its end is also there to be read. */
static int readable(struct conn *conn, int ended) {
    for (;;) {
        ssize_t size = recv(conn->fd, scratch, sizeof scratch, 0);
        if (size < 0 && errno == EAGAIN) return 0;
        if (size <= 0) return -1;
        int fd = conn->fd;
        if (consume(conn, scratch, (size_t)size) < 0) return -1;
        if (conn->fd != fd || (!ended && (size_t)size < sizeof scratch)) return 0;
    }
}

static void report(int64_t wall) {
    printf("{\"requests\": %ld, \"errors\": %ld, \"reconnects\": %ld, \"wall_ns\": %lld, ", answered, errors,
           reconnects, (long long)wall);
    print_histogram(&latencies);
    printf("}\n");
    fflush(stdout);
}

/* Keep the connections open until stdin ends, noticing those that the peer closes. */
static void stay(void) {
    struct epoll_event events[BATCH];
    int input_tag, over = 0;
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = &input_tag};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0) die("stdin is not a pipe");
    long closed = 0;
    while (!over) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == (void *)&input_tag) {
                over = read(STDIN_FILENO, scratch, sizeof scratch) <= 0;
            } else if (events[i].events & (EPOLLIN | EPOLLRDHUP)) {
                close(((struct conn *)events[i].data.ptr)->fd);
                closed++;
            }
        }
    }
    printf("{\"closed\": %ld}\n", closed);
}

/* Take note of what happened while nothing was asked for: connections that the peer closed are opened anew. */
static void settle(void) {
    struct epoll_event events[BATCH];
    for (int count = BATCH; count == BATCH;) {
        count = epoll_wait(epoll, events, BATCH, 0);
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn != (void *)&timer_tag && !fresh && events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                reopen(conn);
        }
    }
}

static void on_timer(void) {
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) > 0) send_due();
}

static void run(void) {
    struct epoll_event events[BATCH];
    while (done < wanted) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn == (void *)&timer_tag)
                on_timer();
            else if ((events[i].events & EPOLLOUT && flush(conn) < 0) ||
                     (events[i].events & ~(uint32_t)EPOLLOUT && readable(conn, events[i].events & EPOLLRDHUP) < 0))
                replace(conn);
        }
    }
}

/* Send `count` requests and report. */
static void slice(long count, unsigned timeout) {
    wanted = count;
    started = done = answered = errors = reconnects = 0;
    forget(&latencies);
    alarm(timeout);
    settle();
    if (rate)
        while (opened < connections) open_next();
    begun = now_ns();
    for (long i = 0; i < opened && !rate; i++) begin(&conns[i]);
    while (opened < connections && !(holding && opened == HOLD_WINDOW)) open_next();
    if (rate) send_due();
    run();
    report(now_ns() - begun);
    alarm(0);
}

static void start_timer(void) {
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0) die("timerfd_create");
    watch(epoll, timer, EPOLLIN, &timer_tag);
}

int main(int argc, char **argv) {
    char line[32];
    peer = address_of(required(argc, argv, "connect"));
    script = read_script(required(argc, argv, "script"));
    connections = number(argc, argv, "connections", 32);
    holding = number(argc, argv, "hold", 0) != 0;
    fresh = number(argc, argv, "fresh", 0) != 0;
    rate = number(argc, argv, "rate", 0);
    sources = number(argc, argv, "sources", 1);
    expected_status = number(argc, argv, "status", 200);
    expected_length = number(argc, argv, "length", 0);
    unsigned timeout = (unsigned)number(argc, argv, "timeout", 120);
    if (!connections || (fresh + holding + (rate != 0)) > 1) refuse("nothing to do, or too much at once");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc((size_t)connections, sizeof *conns);
    if (epoll < 0 || !conns) die("start");
    if (rate) start_timer();
    if (holding) {
        slice(connections, timeout);
        stay();
        return 0;
    }
    while (fgets(line, sizeof line, stdin)) {
        long count = strtol(line, NULL, 10);
        if (count < 1) refuse("a line of stdin is a number of requests");
        slice(count, timeout);
    }
    return 0;
}
