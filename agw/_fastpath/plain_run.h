/* Runs of JSON string bytes that need no look: a header so that the loop is inlined where it is used.
 *
 * A byte that ends the run is a quote, a backslash, a control character or not ASCII. Long texts are most of what passes
 * in a large message, so they are looked at 64 bytes at a time where the processor has the instructions (all x86-64 do),
 * and eight at a time where not.
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
/* A mark for each byte that ends a run. As a signed number, what is not ASCII is below 0x20 too. */
static inline __m128i agw_ends(const unsigned char *data)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)data);
    __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i slashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return _mm_or_si128(_mm_or_si128(quotes, slashes), _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)));
}
#endif

/* Bytes from `data` on that are plain. */
static inline size_t agw_plain_run(const unsigned char *data, size_t size)
{
    size_t at = 0;
#ifdef __SSE2__
    while (at + 64 <= size) {
        __m128i first = agw_ends(data + at), second = agw_ends(data + at + 16);
        __m128i third = agw_ends(data + at + 32), fourth = agw_ends(data + at + 48);
        if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(first, second), _mm_or_si128(third, fourth))))
            break;
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

#endif
