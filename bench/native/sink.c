/* A listener that takes what it is sent and never answers: what a crowd costs its own machine, with no proxy under it.
 *
 *   sink --listen 127.0.0.1:9999 */
#include "net.h"

static char scratch[65536];

static void accept_all(int epoll, int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    }
}

static void take(int fd) {
    for (;;) {
        ssize_t size = recv(fd, scratch, sizeof scratch, 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) {
            close(fd);
            return;
        }
    }
}

int main(int argc, char **argv) {
    struct epoll_event events[BATCH];
    int listener = listen_on(required(argc, argv, "listen"));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = listener};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                take(events[i].data.fd);
        }
    }
}
