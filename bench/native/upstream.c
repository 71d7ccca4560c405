/* The agent of the rig: an HTTP/1.1 server that answers every request with the same bytes, made once at the start.
 *
 *   upstream --listen 127.0.0.1:9999 [--body 130] [--events 0 --interval-us 10000]
 *
 * It reads the head and a Content-Length body, keeps connections alive unless a request says "Connection: close", and
 * answers pipelined requests in order. A body in chunks is answered with 411 and the connection closed: no proxy under
 * test has a reason to make one.
 *
 * With --events N each answer is a text/event-stream in chunks: N A2A status updates, one each --interval-us, that hold
 * the CLOCK_MONOTONIC time in ns at which they were sent, so that a reader on the same machine can tell the delay of a
 * proxy. Streams take turns within the interval, a millisecond each, so that many of them make a flow and no burst. */
#include "net.h"
#include <sys/timerfd.h>

#define MAX_HEAD 65536
#define TURN_US 1000

struct conn {
    int fd;
    char *head;            /* bytes of an unfinished head, NULL when there are none */
    size_t head_size;      /* of them filled */
    uint64_t body_left;    /* bytes of the current request's body still to come */
    int answering;         /* a body is being read: answer when it ends */
    int last;              /* close when all is answered */
    const char *out;       /* what of an answer the socket did not take yet; always within `answer` */
    size_t out_left;
    size_t owed;           /* whole answers to send after `out` */
    long events_left;      /* of the current event stream */
    struct conn *next;     /* the next stream of the same turn */
    struct conn **link;    /* what points to this one there; NULL when it is no open stream */
};

static char *answer;
static size_t answer_size;
static long stream_events;
static struct conn **turns; /* the streams that have their turn in each part of the interval */
static size_t turn_count, next_turn, turn;
static char scratch[65536];

static const char stream_head[] =
    "HTTP/1.1 200 OK\r\nserver: upstream\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    "transfer-encoding: chunked\r\n\r\n";

/* A JSON-RPC answer of exactly `body` bytes where that is long enough for one, else that many dots. */
static void make_answer(size_t body) {
    static const char front[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"text\":\"", back[] = "\"}}";
    size_t frame = sizeof front - 1 + sizeof back - 1;
    answer = malloc(256 + body);
    if (!answer) die("malloc");
    size_t head = (size_t)snprintf(answer, 256,
                                   "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: upstream\r\n"
                                   "content-length: %zu\r\ncontent-type: application/json\r\n\r\n",
                                   body);
    memset(answer + head, '.', body);
    if (body >= frame) {
        memcpy(answer + head, front, sizeof front - 1);
        memcpy(answer + head + body - (sizeof back - 1), back, sizeof back - 1);
    }
    answer_size = head + body;
}

static void end_stream(struct conn *conn) {
    if (!conn->link) return;
    *conn->link = conn->next;
    if (conn->next) conn->next->link = conn->link;
    conn->link = NULL;
}

static void begin_stream(struct conn *conn) {
    struct conn **line = &turns[next_turn];
    next_turn = next_turn + 1 == turn_count ? 0 : next_turn + 1;
    end_stream(conn);
    conn->events_left = stream_events;
    conn->next = *line;
    conn->link = line;
    if (conn->next) conn->next->link = &conn->next;
    *line = conn;
}

static void finish(struct conn *conn) {
    end_stream(conn);
    close(conn->fd);
    free(conn->head);
    free(conn);
}

/* Send what is owed until the socket takes no more. -1: the connection is gone. */
static int flush(struct conn *conn) {
    for (;;) {
        if (!conn->out_left) {
            if (!conn->owed) return conn->last ? -1 : 0;
            conn->owed--;
            conn->out = answer;
            conn->out_left = answer_size;
        }
        ssize_t sent = send(conn->fd, conn->out, conn->out_left, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN ? 0 : -1;
        conn->out += sent;
        conn->out_left -= (size_t)sent;
    }
}

static int send_all(struct conn *conn, const char *bytes, size_t size) {
    return send(conn->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

static int respond(struct conn *conn) {
    conn->answering = 0;
    if (!stream_events) {
        conn->owed++;
        return conn->out_left ? 0 : flush(conn);
    }
    begin_stream(conn);
    return send_all(conn, stream_head, sizeof stream_head - 1);
}

/* Read the head in [bytes, bytes + size): its length, 0 when it is not whole, -1 when it is not for us. */
static ssize_t read_head(struct conn *conn, const char *bytes, size_t size) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end) return size > MAX_HEAD ? -1 : 0;
    size_t length = (size_t)(end - bytes) + 2;
    if (field(bytes, length, "\ntransfer-encoding:")) {
        static const char refusal[] = "HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        send_all(conn, refusal, sizeof refusal - 1);
        return -1;
    }
    const char *value = field(bytes, length, "\ncontent-length:");
    conn->body_left = value ? strtoull(value, NULL, 10) : 0;
    value = field(bytes, length, "\nconnection:");
    conn->last = value && !strncasecmp(value + strspn(value, " "), "close", 5);
    conn->answering = 1;
    return (ssize_t)length + 2;
}

/* Keep an unfinished head until more of it comes. */
static int keep(struct conn *conn, const char *bytes, size_t size) {
    char *copy = malloc(size ? size : 1);
    if (!copy) die("malloc");
    memcpy(copy, bytes, size);
    free(conn->head);
    conn->head = copy;
    conn->head_size = size;
    return 0;
}

static int consume(struct conn *conn, const char *bytes, size_t size) {
    while (size || conn->answering) {
        if (!conn->answering) {
            ssize_t head = read_head(conn, bytes, size);
            if (head < 0) return -1;
            if (!head) return keep(conn, bytes, size);
            bytes += head;
            size -= (size_t)head;
        }
        uint64_t take = conn->body_left < size ? conn->body_left : size;
        bytes += take;
        size -= take;
        conn->body_left -= take;
        if (conn->body_left) return 0;
        if (respond(conn) < 0) return -1;
    }
    return 0;
}

/* Read what is there. -1: the connection is gone. ended: the peer has closed its side, which is read too. */
static int readable(struct conn *conn, int ended) {
    for (;;) {
        ssize_t size = recv(conn->fd, scratch, sizeof scratch, 0);
        if (size < 0 && errno == EAGAIN) return 0;
        if (size <= 0) return -1;
        if (!conn->head) {
            if (consume(conn, scratch, (size_t)size) < 0) return -1;
        } else {
            size_t before = conn->head_size;
            char *whole = realloc(conn->head, before + (size_t)size);
            if (!whole) die("realloc");
            conn->head = NULL;
            memcpy(whole + before, scratch, (size_t)size);
            int result = consume(conn, whole, before + (size_t)size);
            free(whole);
            if (result < 0) return -1;
        }
        if (!ended && (size_t)size < sizeof scratch) return 0;
    }
}

/* An A2A status update of today's shape, told apart from others by nothing but its time. */
static int make_event(char *chunk, size_t room) {
    char event[512];
    int size = snprintf(event, sizeof event,
                        "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"kind\":\"status-update\","
                        "\"taskId\":\"3f36680c-7f37-4a5f-945e-d78981fafd36\","
                        "\"contextId\":\"c295ea44-7543-4f78-b524-7a38915ad6e4\","
                        "\"status\":{\"state\":\"working\",\"timestamp\":\"2026-01-01T00:00:00Z\"},"
                        "\"final\":false,\"metadata\":{\"at\":%lld}}}\n\n",
                        (long long)now_ns());
    return snprintf(chunk, room, "%x\r\n%s\r\n", (unsigned)size, event);
}

/* An event on every stream that has its turn; the stream that has had all its events ends. */
static void take_turn(void) {
    char chunk[600];
    for (struct conn *conn = turns[turn], *next; conn; conn = next) {
        next = conn->next;
        int size = make_event(chunk, sizeof chunk);
        int failed = send_all(conn, chunk, (size_t)size) < 0;
        if (!failed && --conn->events_left == 0) {
            failed = send_all(conn, "0\r\n\r\n", 5) < 0;
            end_stream(conn);
        }
        if (failed) shutdown(conn->fd, SHUT_RDWR);
    }
    turn = turn + 1 == turn_count ? 0 : turn + 1;
}

static void accept_all(int epoll, int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        struct conn *conn = calloc(1, sizeof *conn);
        if (!conn) die("calloc");
        no_delay(fd);
        conn->fd = fd;
        watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, conn);
    }
}

static int start_timer(long interval_us) {
    turn_count = interval_us > TURN_US ? (size_t)(interval_us / TURN_US) : 1;
    turns = calloc(turn_count, sizeof(struct conn *));
    if (!turns) die("calloc");
    interval_us /= (long)turn_count;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct timespec each = {.tv_sec = interval_us / 1000000, .tv_nsec = interval_us % 1000000 * 1000};
    struct itimerspec timer = {.it_interval = each, .it_value = each};
    if (fd < 0 || timerfd_settime(fd, 0, &timer, NULL) < 0) die("timerfd");
    return fd;
}

int main(int argc, char **argv) {
    struct epoll_event events[BATCH];
    int timer = -1, timer_tag;
    int listener = listen_on(required(argc, argv, "listen"));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    make_answer((size_t)number(argc, argv, "body", 130));
    stream_events = number(argc, argv, "events", 0);
    watch(epoll, listener, EPOLLIN, NULL);
    if (stream_events) {
        timer = start_timer(number(argc, argv, "interval-us", 10000));
        watch(epoll, timer, EPOLLIN, &timer_tag);
    }
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            uint64_t expirations;
            if (!conn) {
                accept_all(epoll, listener);
            } else if ((void *)conn == (void *)&timer_tag) {
                if (read(timer, &expirations, sizeof expirations) > 0)
                    while (expirations--) take_turn();
            } else if ((events[i].events & EPOLLOUT && flush(conn) < 0) ||
                       (events[i].events & ~(uint32_t)EPOLLOUT && readable(conn, events[i].events & EPOLLRDHUP) < 0)) {
                finish(conn);
            }
        }
    }
}
