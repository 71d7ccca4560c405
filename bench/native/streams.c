/* Clients that listen: many event streams at once, each event taken for its delay.
 *
 *   streams --connect 127.0.0.1:8080 --script FILE [--streams 200] [--sources 1] [--timeout 120]
 *
 * Each line of stdin is answered by a line of JSON:
 *
 *   open      open all streams; answered when each has its head, a 200 whose body comes in chunks
 *   MS        listen that many milliseconds: how many events came, how long after they were sent, and how many of them
 *             came together with the one before, which somebody held back
 *   close     close all
 *
 * An event holds `"at":NS`, its time on the clock that all processes of a machine share. Chunks are decoded, since a
 * proxy may cut them anew. A stream that ends, or is answered otherwise, ends the program with 1. */
#include "histogram.h"
#include "net.h"
#include "script.h"
#include <sys/timerfd.h>

#define MAX_HEAD 4096
#define WINDOW 64 /* streams that are being opened at a time */

enum state { CLOSED, HEAD, SIZE, DATA, AFTER }; /* AFTER: the CRLF behind a chunk's data */

struct stream {
    int fd;
    enum state state;
    int silent;             /* its request is not sent yet */
    uint32_t chunk_left;    /* bytes of the chunk's data still to come; while in SIZE, the size so far */
    int matched;            /* bytes of the mark that were seen */
    int64_t at;             /* the time that is being read */
    int fresh;              /* an event came in this read already */
    size_t head_size;
    char *head;             /* of the response, until it is whole */
};

static const char mark[] = "\"at\":";
static struct sockaddr_in peer;
static struct script script;
static struct stream *streams;
static struct histogram delays;
static long wanted, opened, heard, merged, sources;
static int epoll, timer, timer_tag;
static char scratch[65536];

static _Noreturn void fail(const char *what) {
    errno = 0;
    die(what);
}

static void open_stream(struct stream *stream) {
    int one = 1;
    memset(stream, 0, sizeof *stream);
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0) die("socket");
    no_delay(stream->fd);
    if (sources > 1) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)((stream - streams) % sources));
        setsockopt(stream->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(stream->fd, (struct sockaddr *)&from, sizeof from) < 0) die("bind");
    }
    if (connect(stream->fd, (struct sockaddr *)&peer, sizeof peer) < 0 && errno != EINPROGRESS) die("connect");
    stream->state = HEAD;
    stream->silent = 1;
    watch(epoll, stream->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, stream);
}

/* A request is small and the socket new: it takes all at once. */
static void ask(struct stream *stream) {
    struct request request = next_request(&script);
    stream->silent = 0;
    if (send(stream->fd, request.bytes, request.size, MSG_NOSIGNAL) != (ssize_t)request.size) die("send");
}

/* The bytes of `bytes` that end the head; all of them when it goes on. */
static size_t take_head(struct stream *stream, const char *bytes, size_t size) {
    size_t before = stream->head_size;
    stream->head = realloc(stream->head, before + size);
    if (!stream->head) die("realloc");
    memcpy(stream->head + before, bytes, size);
    stream->head_size += size;
    const char *end = memmem(stream->head, stream->head_size, "\r\n\r\n", 4);
    if (!end && stream->head_size > MAX_HEAD) fail("the head of a response is too long");
    if (!end) return size;
    size_t length = (size_t)(end - stream->head) + 2;
    const char *coding = field(stream->head, length, "\ntransfer-encoding:");
    if (length < 13 || memcmp(stream->head, "HTTP/1.1 200", 12)) fail("a stream was refused");
    if (!coding || strncasecmp(coding + strspn(coding, " "), "chunked", 7)) fail("a stream does not come in chunks");
    free(stream->head);
    stream->head = NULL;
    stream->state = SIZE;
    opened++;
    return length + 2 - before;
}

static void on_event(struct stream *stream) {
    note(&delays, now_ns() - stream->at);
    heard++;
    if (stream->fresh) merged++;
    stream->fresh = 1;
}

/* A byte of a stream's data: the mark, then digits, then whatever else. */
static void take_data(struct stream *stream, char byte) {
    if (stream->matched < (int)sizeof mark - 1) {
        stream->matched = byte == mark[stream->matched] ? stream->matched + 1 : byte == mark[0];
        stream->at = 0;
    } else if (byte >= '0' && byte <= '9') {
        stream->at = stream->at * 10 + (byte - '0');
    } else {
        on_event(stream);
        stream->matched = 0;
    }
}

static uint32_t hex(char byte) {
    if (byte >= '0' && byte <= '9') return (uint32_t)(byte - '0');
    byte |= 0x20;
    if (byte < 'a' || byte > 'f') fail("a chunk has no size");
    return (uint32_t)(byte - 'a') + 10;
}

static void take_byte(struct stream *stream, char byte) {
    switch (stream->state) {
    case SIZE:
        if (byte == '\n') {
            if (!stream->chunk_left) fail("a stream ended");
            stream->state = DATA;
        } else if (byte != '\r') {
            stream->chunk_left = stream->chunk_left * 16 + hex(byte);
        }
        return;
    case DATA:
        take_data(stream, byte);
        if (!--stream->chunk_left) stream->state = AFTER;
        return;
    case AFTER:
        if (byte == '\n') stream->state = SIZE;
        return;
    case HEAD:
    case CLOSED:
        fail("a byte that nobody awaits");
    }
}

static void listen_to(struct stream *stream, int ended) {
    for (;;) {
        ssize_t got = recv(stream->fd, scratch, sizeof scratch, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) fail("a stream was closed");
        size_t at = stream->state == HEAD ? take_head(stream, scratch, (size_t)got) : 0;
        stream->fresh = 0;
        while (at < (size_t)got) take_byte(stream, scratch[at++]);
        if (!ended && (size_t)got < sizeof scratch) return;
    }
}

/* One batch of events. 1: the timer was among them. */
static int turn(void) {
    struct epoll_event events[BATCH];
    int over = 0, count = epoll_wait(epoll, events, BATCH, -1);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; i++) {
        struct stream *stream = events[i].data.ptr;
        if ((void *)stream == (void *)&timer_tag) {
            uint64_t expirations;
            over |= read(timer, &expirations, sizeof expirations) > 0;
            continue;
        }
        if (stream->silent && events[i].events & EPOLLOUT) ask(stream);
        if (events[i].events & ~(uint32_t)EPOLLOUT) listen_to(stream, events[i].events & EPOLLRDHUP);
    }
    return over;
}

static void open_all(void) {
    int64_t begun = now_ns();
    long asked = 0;
    while (opened < wanted) {
        while (asked < wanted && asked - opened < WINDOW) open_stream(&streams[asked++]);
        turn();
    }
    printf("{\"open\": %ld, \"wall_ns\": %lld}\n", opened, (long long)(now_ns() - begun));
}

static void listen_for(long milliseconds) {
    struct itimerspec when = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000}};
    if (opened < wanted) refuse("open comes first");
    forget(&delays);
    heard = merged = 0;
    int64_t begun = now_ns();
    if (timerfd_settime(timer, 0, &when, NULL) < 0) die("timerfd_settime");
    while (!turn()) continue;
    printf("{\"events\": %ld, \"merged\": %ld, \"wall_ns\": %lld, ", heard, merged, (long long)(now_ns() - begun));
    print_histogram(&delays);
    printf("}\n");
}

static void close_all(void) {
    for (long i = 0; i < opened; i++) close(streams[i].fd);
    printf("{\"closed\": %ld}\n", opened);
    opened = 0;
}

int main(int argc, char **argv) {
    char line[32];
    peer = address_of(required(argc, argv, "connect"));
    script = read_script(required(argc, argv, "script"));
    wanted = number(argc, argv, "streams", 200);
    sources = number(argc, argv, "sources", 1);
    unsigned timeout = (unsigned)number(argc, argv, "timeout", 120);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    streams = calloc((size_t)wanted, sizeof *streams);
    if (epoll < 0 || timer < 0 || !streams || !wanted) die("start");
    watch(epoll, timer, EPOLLIN, &timer_tag);
    while (fgets(line, sizeof line, stdin)) {
        alarm(timeout);
        long milliseconds = strtol(line, NULL, 10);
        if (!strcmp(line, "open\n"))
            open_all();
        else if (!strcmp(line, "close\n"))
            close_all();
        else if (milliseconds > 0)
            listen_for(milliseconds);
        else
            refuse("a line of stdin is open, close or a number of milliseconds");
        fflush(stdout);
        alarm(0);
    }
    return 0;
}
