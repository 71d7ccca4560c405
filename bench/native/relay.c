/* A TCP relay with no HTTP in it: what the kernel alone asks for, so the floor under every proxy.
 *
 *   relay --listen 127.0.0.1:8080 --upstream 127.0.0.1:9999
 *
 * Each client connection gets one upstream connection. One recv and one send per direction and message, nothing else:
 * a read that fills less than the buffer has emptied the socket (epoll(7)), so no second recv asks again. When either
 * side ends, both are closed at once: the rig's load closes only connections that it has finished with. */
#include "net.h"

#define SCRATCH 65536

struct side {
    int fd;
    struct side *peer;   /* the other half; same lifetime */
    char *held;          /* bytes read from the peer that this side could not take yet, or NULL */
    size_t held_size;    /* bytes in held */
    size_t held_sent;    /* of them sent */
    int gone;            /* closed; freed after the batch, since later events of it may name this side */
    struct side *next;   /* in the list of the gone */
};

static int epoll;
static struct side *gone;
static char scratch[SCRATCH];

static void finish(struct side *side) {
    if (side->gone) return;
    struct side *both[2] = {side, side->peer};
    for (int i = 0; i < 2; i++) {
        close(both[i]->fd);
        both[i]->gone = 1;
        both[i]->next = gone;
        gone = both[i];
    }
}

static void free_gone(void) {
    while (gone) {
        struct side *side = gone;
        gone = side->next;
        free(side->held);
        free(side);
    }
}

static void hold(struct side *side, const char *bytes, size_t size) {
    side->held = malloc(size);
    if (!side->held) die("malloc");
    memcpy(side->held, bytes, size);
    side->held_size = size;
    side->held_sent = 0;
}

/* Move bytes from one side to its peer until there are none, or the peer takes no more. */
static void pump(struct side *from, int ended) {
    struct side *to = from->peer;
    while (!to->held) {
        ssize_t size = recv(from->fd, scratch, SCRATCH, 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) {
            finish(from);
            return;
        }
        ssize_t sent = send(to->fd, scratch, (size_t)size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            finish(from);
            return;
        }
        if (sent < 0) sent = 0;
        if (sent < size) hold(to, scratch + sent, (size_t)(size - sent));
        if (size < SCRATCH && !ended) return;
    }
}

static void flush(struct side *side) {
    if (!side->held) return;
    ssize_t sent = send(side->fd, side->held + side->held_sent, side->held_size - side->held_sent, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) finish(side);
        return;
    }
    side->held_sent += (size_t)sent;
    if (side->held_sent < side->held_size) return;
    free(side->held);
    side->held = NULL;
    pump(side->peer, 1);
}

static struct side *new_side(int fd) {
    struct side *side = calloc(1, sizeof *side);
    if (!side) die("calloc");
    side->fd = fd;
    return side;
}

static void accept_all(int listener, const struct sockaddr_in *upstream) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        no_delay(fd);
        struct side *client = new_side(fd), *server = new_side(dial(upstream));
        client->peer = server;
        server->peer = client;
        watch(epoll, server->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, server);
        watch(epoll, client->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, client);
    }
}

int main(int argc, char **argv) {
    struct sockaddr_in upstream = address_of(required(argc, argv, "upstream"));
    int listener = listen_on(required(argc, argv, "listen"));
    struct epoll_event events[BATCH];
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    watch(epoll, listener, EPOLLIN, NULL);
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct side *side = events[i].data.ptr;
            if (!side) {
                accept_all(listener, &upstream);
                continue;
            }
            if (!side->gone && events[i].events & EPOLLOUT) flush(side);
            if (!side->gone && events[i].events & ~(uint32_t)EPOLLOUT) pump(side, events[i].events & EPOLLRDHUP);
        }
        free_gone();
    }
}
