/* Runs of JSON string bytes that need no look: a header so that what is short is done where it is used.
 *
 * A byte that ends the run is a quote, a backslash, a control character or not ASCII. Names and ids are most of what there
 * is in a small message, so the first 16 bytes are looked at in place, and two times 16 more by themselves; long texts are
 * most of what passes in a large one, so what follows is taken 64 bytes at a time. That is where the processor has the
 * instructions (all x86-64 do); eight at a time where not.
 */
#ifndef AGW_PLAIN_RUN_H
#define AGW_PLAIN_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define AGW_ONES 0x0101010101010101ull
#define AGW_HIGHS 0x8080808080808080ull

#ifdef __SSE2__
/* The highest bit of each byte that ends a run. With one bit turned a quote stands next to the control characters, at
 * 0x20; as a signed number, what is not ASCII is below those. */
static inline __m128i agw_ends(const unsigned char *data)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)data);
    __m128i below = _mm_subs_epi8(_mm_xor_si128(bytes, _mm_set1_epi8('"' ^ 0x20)), _mm_set1_epi8(0x21));
    return _mm_or_si128(below, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
}
#endif

/* Bytes from `data` on that are plain, where it takes more than a glance. */
static __attribute__((noinline)) size_t agw_long_run(const unsigned char *data, size_t size)
{
    size_t at = 0;
#ifdef __SSE2__
    while (at < 32 && at + 16 <= size) {
        int ends = _mm_movemask_epi8(agw_ends(data + at));
        if (ends)
            return at + (size_t)__builtin_ctz((unsigned)ends);
        at += 16;
    }
    while (at + 64 <= size) {
        __m128i first = agw_ends(data + at), second = agw_ends(data + at + 16);
        __m128i third = agw_ends(data + at + 32), fourth = agw_ends(data + at + 48);
        if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(first, second), _mm_or_si128(third, fourth)))) {
            uint64_t low = (unsigned)_mm_movemask_epi8(first) | (unsigned)_mm_movemask_epi8(second) << 16;
            uint64_t high = (unsigned)_mm_movemask_epi8(third) | (unsigned)_mm_movemask_epi8(fourth) << 16;
            return at + (size_t)__builtin_ctzll(low | high << 32);
        }
        at += 64;
    }
    while (at + 16 <= size) {
        int ends = _mm_movemask_epi8(agw_ends(data + at));
        if (ends)
            return at + (size_t)__builtin_ctz((unsigned)ends);
        at += 16;
    }
#endif
    while (at + 8 <= size) {
        uint64_t word, quote, slash, ends;
        memcpy(&word, data + at, 8);
        quote = word ^ (AGW_ONES * '"');
        slash = word ^ (AGW_ONES * '\\');
        /* The borrow of a byte that ends it may mark those above it, never one without it. */
        ends = ((word - AGW_ONES * 0x20) | (quote - AGW_ONES) | (slash - AGW_ONES) | word) & AGW_HIGHS;
        if (ends != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return at + (size_t)(__builtin_ctzll(ends) >> 3);
#else
            break;
#endif
        }
        at += 8;
    }
    while (at < size && data[at] >= 0x20 && data[at] < 0x80 && data[at] != '"' && data[at] != '\\')
        at++;
    return at;
}

/* Bytes from `data` on that are plain. */
static inline size_t agw_plain_run(const unsigned char *data, size_t size)
{
#ifdef __SSE2__
    if (size >= 16) {
        int ends = _mm_movemask_epi8(agw_ends(data));
        return ends ? (size_t)__builtin_ctz((unsigned)ends) : 16 + agw_long_run(data + 16, size - 16);
    }
#endif
    return agw_long_run(data, size);
}

#endif
