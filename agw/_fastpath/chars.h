/* Classes of bytes in HTTP messages, one table look-up each. A header so that every module inlines the same table.
 *
 * The grammar is RFC 9110 5.6 and RFC 3986 2; where the two RFCs allow what proxies have been broken with, the
 * table is stricter and says so.
 */
#ifndef AGW_CHARS_H
#define AGW_CHARS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    AGW_TOKEN = 1,       /* tchar, RFC 9110 5.6.2 */
    AGW_FIELD = 2,       /* HTAB / SP / VCHAR / obs-text, RFC 9110 5.5 */
    AGW_TARGET = 4,      /* VCHAR that a URI may hold, RFC 3986 2; without # " < > \ ^ ` { | } and non-ASCII */
    AGW_HEX = 8,
    AGW_HOST = 16,       /* reg-name without sub-delims and pct-encoding: a list or an escape is no host name */
    AGW_UNRESERVED = 32, /* RFC 3986 2.3 */
    AGW_DIGIT = 64,
    AGW_UPPER = 128
};

#define AGW_ALNUM (AGW_TOKEN | AGW_FIELD | AGW_TARGET | AGW_HOST | AGW_UNRESERVED)

static const unsigned char agw_class[256] = {
    ['\t'] = AGW_FIELD,
    [' '] = AGW_FIELD,
    ['0' ... '9'] = AGW_ALNUM | AGW_HEX | AGW_DIGIT,
    ['a' ... 'f'] = AGW_ALNUM | AGW_HEX,
    ['g' ... 'z'] = AGW_ALNUM,
    ['A' ... 'F'] = AGW_ALNUM | AGW_HEX | AGW_UPPER,
    ['G' ... 'Z'] = AGW_ALNUM | AGW_UPPER,
    ['-'] = AGW_ALNUM, ['.'] = AGW_ALNUM, ['_'] = AGW_ALNUM, ['~'] = AGW_ALNUM,
    ['!'] = AGW_TOKEN | AGW_FIELD | AGW_TARGET, ['$'] = AGW_TOKEN | AGW_FIELD | AGW_TARGET,
    ['%'] = AGW_TOKEN | AGW_FIELD | AGW_TARGET, ['&'] = AGW_TOKEN | AGW_FIELD | AGW_TARGET,
    ['\''] = AGW_TOKEN | AGW_FIELD | AGW_TARGET, ['*'] = AGW_TOKEN | AGW_FIELD | AGW_TARGET,
    ['+'] = AGW_TOKEN | AGW_FIELD | AGW_TARGET,
    ['#'] = AGW_TOKEN | AGW_FIELD, ['^'] = AGW_TOKEN | AGW_FIELD, ['`'] = AGW_TOKEN | AGW_FIELD,
    ['|'] = AGW_TOKEN | AGW_FIELD,
    ['('] = AGW_FIELD | AGW_TARGET, [')'] = AGW_FIELD | AGW_TARGET, [','] = AGW_FIELD | AGW_TARGET,
    ['/'] = AGW_FIELD | AGW_TARGET, [':'] = AGW_FIELD | AGW_TARGET, [';'] = AGW_FIELD | AGW_TARGET,
    ['='] = AGW_FIELD | AGW_TARGET, ['?'] = AGW_FIELD | AGW_TARGET, ['@'] = AGW_FIELD | AGW_TARGET,
    ['['] = AGW_FIELD | AGW_TARGET, [']'] = AGW_FIELD | AGW_TARGET,
    ['"'] = AGW_FIELD, ['<'] = AGW_FIELD, ['>'] = AGW_FIELD, ['\\'] = AGW_FIELD, ['{'] = AGW_FIELD, ['}'] = AGW_FIELD,
    [0x80 ... 0xff] = AGW_FIELD,
};

/* Bytes from `data` on that a field's value may hold, without tabs, sixteen or eight at a time: what ends the run is a
 * control character or DEL. Of the eight: the borrow of a byte that ends it may mark those above it, never one without it,
 * so the lowest mark is right. */
static inline size_t agw_value_run(const unsigned char *data, size_t size)
{
    size_t at = 0;
#ifdef __SSE2__
    while (at + 16 <= size) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(data + at));
        __m128i visible = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x20)), bytes);
        __m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)), visible);
        unsigned stops = (unsigned)_mm_movemask_epi8(good) ^ 0xffffu;
        if (stops)
            return at + (size_t)__builtin_ctz(stops);
        at += 16;
    }
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (at + 8 <= size) {
        uint64_t word, rubout, stops;
        memcpy(&word, data + at, 8);
        rubout = word ^ 0x7f7f7f7f7f7f7f7full;
        stops = (word - 0x2020202020202020ull) & ~word;
        stops |= (rubout - 0x0101010101010101ull) & ~rubout;
        stops &= 0x8080808080808080ull;
        if (stops)
            return at + (size_t)(__builtin_ctzll(stops) >> 3);
        at += 8;
    }
#endif
    while (at < size && data[at] >= 0x20 && data[at] != 0x7f)
        at++;
    return at;
}

/* Bytes from `data` on that are of a class, four look-ups at a time. */
static inline size_t agw_class_run(const unsigned char *data, size_t size, unsigned char kind)
{
    size_t at = 0;
    while (at + 4 <= size
           && (agw_class[data[at]] & agw_class[data[at + 1]] & agw_class[data[at + 2]] & agw_class[data[at + 3]] & kind))
        at += 4;
    while (at < size && (agw_class[data[at]] & kind))
        at++;
    return at;
}

/* Bytes from `data` on that are letters, digits or "-", which is what names of fields are made of, sixteen at a time. It
 * may stop before the run does: who wants all of a token goes on by its class. */
static inline size_t agw_name_run(const unsigned char *data, size_t size)
{
    size_t at = 0;
#ifdef __SSE2__
    while (at + 16 <= size) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(data + at));
        __m128i letters = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i digits = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        __m128i good = _mm_cmpeq_epi8(_mm_min_epu8(letters, _mm_set1_epi8(25)), letters);
        unsigned stops;
        good = _mm_or_si128(good, _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits));
        good = _mm_or_si128(good, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
        stops = (unsigned)_mm_movemask_epi8(good) ^ 0xffffu;
        if (stops)
            return at + (size_t)__builtin_ctz(stops);
        at += 16;
    }
#endif
    return at;
}

/* Whether a token is this one, which is written in lower case: both hold token characters alone, and have `size` bytes.
 * Where the size is known when this is compiled, what is left is a few words. */
static inline int agw_same_folded(const unsigned char *text, const char *lower, size_t size)
{
    uint64_t one, other;
    uint32_t short_one, short_other;
    size_t at;
    if (size >= 8) {
        for (at = 0; at + 8 <= size; at += 8) {
            memcpy(&one, text + at, 8);
            memcpy(&other, lower + at, 8);
            if ((one | 0x2020202020202020ull) != other)
                return 0;
        }
        memcpy(&one, text + size - 8, 8);
        memcpy(&other, lower + size - 8, 8);
        return (one | 0x2020202020202020ull) == other;
    }
    if (size >= 4) {
        memcpy(&short_one, text, 4);
        memcpy(&short_other, lower, 4);
        if ((short_one | 0x20202020u) != short_other)
            return 0;
        memcpy(&short_one, text + size - 4, 4);
        memcpy(&short_other, lower + size - 4, 4);
        return (short_one | 0x20202020u) == short_other;
    }
    for (at = 0; at < size; at++)
        if ((text[at] | 0x20) != (unsigned char)lower[at])
            return 0;
    return 1;
}

#endif
