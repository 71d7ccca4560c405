/* Copies of a few bytes: a header so that they are inlined where they are used.
 *
 * Names and values of a head, ids and words of JSON are mostly shorter than 32 bytes, and a call of memcpy for so few takes
 * longer than they do. Ends overlap instead of being counted out: no byte beyond `size` is read or written.
 */
#ifndef AGW_COPY_H
#define AGW_COPY_H

#include <stddef.h>
#include <string.h>

static inline void agw_copy_short(void *into, const void *from, size_t size)
{
    char *to = into;
    const char *bytes = from;
    if (__builtin_constant_p(size) || size > 32) {
        memcpy(to, bytes, size);
    } else if (size >= 16) {
        memcpy(to, bytes, 16);
        memcpy(to + size - 16, bytes + size - 16, 16);
    } else if (size >= 8) {
        memcpy(to, bytes, 8);
        memcpy(to + size - 8, bytes + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, bytes, 4);
        memcpy(to + size - 4, bytes + size - 4, 4);
    } else if (size) {
        to[0] = bytes[0];
        to[size / 2] = bytes[size / 2];
        to[size - 1] = bytes[size - 1];
    }
}

#endif
