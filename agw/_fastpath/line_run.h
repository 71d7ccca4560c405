/* Runs of bytes within a line: a header so that the loop is inlined where it is used.
 *
 * Eight bytes at a time: CR and LF end the run.
 */
#ifndef AGW_LINE_RUN_H
#define AGW_LINE_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AGW_EACH(byte) (0x0101010101010101ull * (byte))

/* Bytes from `data` on before the line's end. The borrow of a byte that ends it may mark those above it, never one
 * without it. */
static inline size_t agw_line_run(const unsigned char *data, size_t size)
{
    size_t at = 0;
    while (at + 8 <= size) {
        uint64_t word, cr, lf;
        memcpy(&word, data + at, 8);
        cr = word ^ AGW_EACH('\r');
        lf = word ^ AGW_EACH('\n');
        if ((((cr - AGW_EACH(1)) & ~cr) | ((lf - AGW_EACH(1)) & ~lf)) & AGW_EACH(0x80))
            break;
        at += 8;
    }
    while (at < size && data[at] != '\r' && data[at] != '\n')
        at++;
    return at;
}

#endif
