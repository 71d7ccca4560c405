/* How long things took, in counters: each octave of nanoseconds has 64 of them, so a figure is exact to 1.6 %.
 *
 * Counters can be added up over slices and rounds, quantiles cannot: a rare delay is only seen in the sum. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PARTS_LOG 6
#define PARTS (1 << PARTS_LOG)
#define OCTAVES 36 /* up to 2^41 ns: half an hour */

struct histogram {
    long counts[OCTAVES * PARTS];
    long total;
};

static inline size_t slot_of(int64_t ns) {
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
    if (value < PARTS) return (size_t)value;
    int shift = 63 - __builtin_clzll(value) - PARTS_LOG;
    size_t slot = (size_t)(shift + 1) * PARTS + (size_t)(value >> shift) - PARTS;
    return slot < OCTAVES * PARTS ? slot : OCTAVES * PARTS - 1;
}

/* The middle of what a counter counts. */
static inline int64_t value_of(size_t slot) {
    if (slot < 2 * PARTS) return (int64_t)slot;
    int shift = (int)(slot / PARTS) - 1;
    return ((int64_t)(slot % PARTS + PARTS) << shift) + ((int64_t)1 << shift) / 2;
}

static inline void note(struct histogram *of, int64_t ns) {
    of->counts[slot_of(ns)]++;
    of->total++;
}

static inline void forget(struct histogram *of) {
    memset(of, 0, sizeof *of);
}

/* The value that `part` of 1,000 are at most. */
static inline int64_t quantile(const struct histogram *of, long part) {
    long rank = of->total * part / 1000, seen = 0;
    for (size_t slot = 0; slot < OCTAVES * PARTS; slot++) {
        seen += of->counts[slot];
        if (seen > rank) return value_of(slot);
    }
    return 0;
}

/* As members of a JSON object: three quantiles, and what was counted as pairs of a value and how often. */
static inline void print_histogram(const struct histogram *of) {
    const char *comma = "";
    printf("\"p50_ns\": %" PRId64 ", \"p99_ns\": %" PRId64 ", \"p999_ns\": %" PRId64 ", \"histogram\": [",
           quantile(of, 500), quantile(of, 990), quantile(of, 999));
    for (size_t slot = 0; slot < OCTAVES * PARTS; slot++)
        if (of->counts[slot]) {
            printf("%s[%" PRId64 ", %ld]", comma, value_of(slot), of->counts[slot]);
            comma = ", ";
        }
    printf("]");
}

#endif
