/* The requests that a client of the rig sends: whole, each behind its size (4 bytes, little-endian), in turn. */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

#include "net.h"
#include <fcntl.h>
#include <sys/stat.h>

struct request {
    const char *bytes;
    uint32_t size;
};

struct script {
    struct request *requests;
    size_t size;            /* how many */
    size_t at;              /* the next one */
};

/* The bytes of a file, which live as long as the program. */
static inline char *whole_file(const char *path, size_t *size) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) die(path);
    *size = (size_t)status.st_size;
    char *bytes = malloc(*size + 1);
    if (!bytes) die("malloc");
    for (size_t filled = 0; filled < *size;) {
        ssize_t got = read(fd, bytes + filled, *size - filled);
        if (got <= 0) die(path);
        filled += (size_t)got;
    }
    close(fd);
    return bytes;
}

static inline struct script read_script(const char *path) {
    struct script script = {0};
    size_t size, capacity = 0;
    char *bytes = whole_file(path, &size);
    for (size_t at = 0; at < size;) {
        uint32_t length;
        if (size - at < sizeof length) refuse("the script is cut short");
        memcpy(&length, bytes + at, sizeof length);
        at += sizeof length;
        if (!length || length > size - at) refuse("the script is cut short");
        if (script.size == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            script.requests = realloc(script.requests, capacity * sizeof *script.requests);
            if (!script.requests) die("realloc");
        }
        script.requests[script.size++] = (struct request){bytes + at, length};
        at += length;
    }
    if (!script.size) refuse("the script is empty");
    return script;
}

static inline struct request next_request(struct script *script) {
    struct request request = script->requests[script->at];
    script->at = script->at + 1 == script->size ? 0 : script->at + 1;
    return request;
}

#endif
