/* Classes of bytes in HTTP messages, one table look-up each. A header so that every module inlines the same table.
 *
 * The grammar is RFC 9110 5.6 and RFC 3986 2; where the two RFCs allow what proxies have been broken with, the
 * table is stricter and says so.
 */
#ifndef AGW_CHARS_H
#define AGW_CHARS_H

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

#endif
