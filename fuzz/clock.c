/* A clock that a test turns: preloaded, it answers for CLOCK_MONOTONIC while agw_clock_ns is not zero.
 *
 * Deadlines of minutes pass in no time, and at a place in a script that a seed repeats. Every other clock is real.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int64_t agw_clock_ns = 0;

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (clock == CLOCK_MONOTONIC && agw_clock_ns) {
        now->tv_sec = agw_clock_ns / 1000000000;
        now->tv_nsec = agw_clock_ns % 1000000000;
        return 0;
    }
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return real ? real(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
}
