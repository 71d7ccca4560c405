/* Runs of JSON string bytes that need no look: a header so that the loop is inlined where it is used.
 *
 * Eight bytes at a time: a byte that ends the run is a quote, a backslash, a control character or not ASCII.
 */
#ifndef AGW_PLAIN_RUN_H
#define AGW_PLAIN_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AGW_ONES 0x0101010101010101ull
#define AGW_HIGHS 0x8080808080808080ull

/* Bytes from `data` on that are plain. The borrow of a byte that ends it may mark those above it, never one without it. */
static inline size_t agw_plain_run(const unsigned char *data, size_t size)
{
    size_t at = 0;
    while (at + 8 <= size) {
        uint64_t word, quote, slash, ends;
        memcpy(&word, data + at, 8);
        quote = word ^ (AGW_ONES * '"');
        slash = word ^ (AGW_ONES * '\\');
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
