/* The clients of the rig: keep-alive connections in a closed loop, each response checked.
 *
 *   load --connect 127.0.0.1:8080 --script FILE [--connections 32] [--status 200] [--length 130] [--timeout 120]
 *        [--sources 1]
 *   load --hold 1 ...     one request on each connection, at most 32 at a time; then keep all open until stdin ends
 *
 * For each line of stdin, a number, it sends that many requests over the connections that it keeps open, and prints a
 * line of JSON; so that slices of load on several proxies can take turns without the cost of connecting anew.
 *
 * The script holds whole requests, each behind its size (4 bytes, little-endian); they are sent in turn, whichever
 * connection is free. A response counts when its status and Content-Length are the expected ones and exactly that many
 * bytes follow; all else is an error, and its connection is replaced. Exits with 1 when it cannot connect, a line takes
 * longer than the timeout, or it sees more than 1,000 errors. */
#include "net.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

#define MAX_HEAD 8192
#define MAX_ERRORS 1000
#define HOLD_WINDOW 32

struct conn {
    int fd;
    int index;              /* which connection: picks its source address */
    int busy;               /* a response is awaited */
    int in_body;
    int last;               /* the response says Connection: close */
    int64_t sent_at;        /* ns */
    const char *out;        /* what of the request the socket did not take yet; in the script */
    size_t out_left;
    uint64_t body_left;     /* bytes */
    size_t head_size;       /* bytes in head */
    char head[MAX_HEAD];    /* of an unfinished response head; pages untouched while responses come whole */
};

struct request {
    const char *bytes;
    uint32_t size;
};

static struct sockaddr_in peer;
static struct request *script;
static size_t script_size, script_at;
static long wanted, started, done, answered, errors, reconnects, sources, expected_status, expected_length;
static uint32_t *latencies; /* ns, one per response */
static struct conn *conns;
static int epoll, holding;
static long opened, connections;
static char scratch[65536];

static void read_script(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) die(path);
    size_t size = (size_t)status.st_size, filled = 0, capacity = 0;
    char *bytes = malloc(size + 1);
    if (!bytes) die("malloc");
    while (filled < size) {
        ssize_t got = read(fd, bytes + filled, size - filled);
        if (got <= 0) die(path);
        filled += (size_t)got;
    }
    close(fd);
    for (size_t at = 0; at < size;) {
        uint32_t length;
        if (size - at < sizeof length) refuse("the script is cut short");
        memcpy(&length, bytes + at, sizeof length);
        at += sizeof length;
        if (!length || length > size - at) refuse("the script is cut short");
        if (script_size == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            script = realloc(script, capacity * sizeof *script);
            if (!script) die("realloc");
        }
        script[script_size++] = (struct request){bytes + at, length};
        at += length;
    }
    if (!script_size) refuse("the script is empty");
}

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
    memset(conn, 0, offsetof(struct conn, head));
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

static void begin(struct conn *conn) {
    if (started == wanted) return;
    struct request *request = &script[script_at];
    script_at = script_at + 1 == script_size ? 0 : script_at + 1;
    started++;
    conn->out = request->bytes;
    conn->out_left = request->size;
    conn->busy = 1;
    conn->sent_at = now_ns();
    if (flush(conn) < 0) replace(conn);
}

static void reopen(struct conn *conn) {
    reconnects++;
    close(conn->fd);
    connect_to_peer(conn);
}

/* Give a connection up and open another in its place: an awaited response is an error. */
static void replace(struct conn *conn) {
    errno = 0;
    if (holding) die("a connection of the hold was closed or answered wrongly");
    if (conn->busy) {
        errors++;
        done++;
    }
    if (errors > MAX_ERRORS) die("more than 1000 errors");
    reopen(conn);
    begin(conn);
}

static void open_next(void) {
    if (opened == connections) return;
    struct conn *conn = &conns[opened];
    conn->index = (int)opened++;
    connect_to_peer(conn);
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
    int64_t took = now_ns() - conn->sent_at;
    latencies[answered++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    done++;
    if (holding)
        open_next();
    else if (conn->last)
        replace(conn);
    else
        begin(conn);
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

static int ascending(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static void report(int64_t wall) {
    size_t count = answered ? (size_t)answered : 1;
    qsort(latencies, count, sizeof *latencies, ascending);
    printf("{\"requests\": %ld, \"errors\": %ld, \"reconnects\": %ld, \"wall_ns\": %lld, \"p50_ns\": %u, "
           "\"p99_ns\": %u}\n",
           answered, errors, reconnects, (long long)wall, latencies[count / 2], latencies[count * 99 / 100]);
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
        for (int i = 0; i < count; i++)
            if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) reopen(events[i].data.ptr);
    }
}

static void run(void) {
    struct epoll_event events[BATCH];
    while (done < wanted) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT && flush(conn) < 0) ||
                (events[i].events & ~(uint32_t)EPOLLOUT && readable(conn, events[i].events & EPOLLRDHUP) < 0))
                replace(conn);
        }
    }
}

/* Send `count` requests in a closed loop and report. */
static void slice(long count, unsigned timeout) {
    wanted = count;
    started = done = answered = errors = reconnects = 0;
    latencies = realloc(latencies, (size_t)count * sizeof *latencies);
    if (!latencies) die("realloc");
    alarm(timeout);
    settle();
    int64_t begun = now_ns();
    for (long i = 0; i < opened; i++)
        if (started < wanted) begin(&conns[i]);
    while (opened < connections && !(holding && opened == HOLD_WINDOW)) open_next();
    run();
    report(now_ns() - begun);
    alarm(0);
}

int main(int argc, char **argv) {
    char line[32];
    peer = address_of(required(argc, argv, "connect"));
    read_script(required(argc, argv, "script"));
    connections = number(argc, argv, "connections", 32);
    holding = number(argc, argv, "hold", 0) != 0;
    sources = number(argc, argv, "sources", 1);
    expected_status = number(argc, argv, "status", 200);
    expected_length = number(argc, argv, "length", 0);
    unsigned timeout = (unsigned)number(argc, argv, "timeout", 120);
    if (!connections) refuse("nothing to do");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc((size_t)connections, sizeof *conns);
    if (epoll < 0 || !conns) die("start");
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
