/* A keyed hash of short byte strings, for indexes that clients and route authors must not be able to aim at.

   Two words of input at a time are masked with secret words and multiplied to 128 bits, whose halves are folded
   together. Not a MAC: nothing that depends on it ever leaves the process. It only has to spread, and to be unknown. */
#ifndef AGW_HASH_H
#define AGW_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t agw_fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t agw_word(const unsigned char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

static inline uint64_t agw_half(const unsigned char *p) {
    uint32_t half;
    memcpy(&half, p, 4);
    return half;
}

/* state: where to go on from, so that a path's prefixes are hashed in one pass. secret: 4 words. */
static inline uint64_t agw_hash(const unsigned char *p, size_t n, uint64_t state, const uint64_t *secret) {
    uint64_t a = 0, b = 0;
    state ^= agw_fold((uint64_t)n ^ secret[0], secret[1]);
    for (; n > 16; p += 16, n -= 16)
        state = agw_fold(agw_word(p) ^ secret[2], agw_word(p + 8) ^ state);
    if (n >= 8) {
        a = agw_word(p);
        b = agw_word(p + n - 8);
    } else if (n >= 4) {
        a = agw_half(p);
        b = agw_half(p + n - 4);
    } else if (n) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[n >> 1] << 8 | p[n - 1];
    }
    return agw_fold(agw_fold(a ^ secret[2], b ^ state) ^ secret[3], secret[1]);
}

#endif
