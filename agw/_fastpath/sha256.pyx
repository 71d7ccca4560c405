"""SHA-256 (FIPS 180-4), for API keys that lie in a receive buffer.

hashlib wants a Python object for the key and makes two more for the digest; a credential must not become one
(facts of the key set), and the exchange has no Python object per request. One-shot only: keys are short and whole.
Two implementations of the compression function, chosen once at import by what the processor has: portable C, and the
SHA extensions of x86-64. The tests run both against hashlib.

Must not: keep any of its input. The padded block, the schedule and the state are overwritten before it returns.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from * nogil:
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>

    static const uint32_t agw_sha256_k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    };

    #define AGW_ROR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

    /* FIPS 180-4 section 6.2.2 step 3, with the variables' roles rotated instead of their values. */
    #define AGW_ROUND(a, b, c, d, e, f, g, h, i) do { \\
        uint32_t t1 = h + (AGW_ROR(e, 6) ^ AGW_ROR(e, 11) ^ AGW_ROR(e, 25)) + (g ^ (e & (f ^ g))) \\
            + agw_sha256_k[i] + w[i]; \\
        d += t1; \\
        h = t1 + (AGW_ROR(a, 2) ^ AGW_ROR(a, 13) ^ AGW_ROR(a, 22)) + ((a & b) | (c & (a | b))); \\
    } while (0)

    static void agw_sha256_portable(uint32_t *state, const unsigned char *data, size_t blocks) {
        uint32_t w[64];
        while (blocks--) {
            for (int i = 0; i < 16; i++, data += 4)
                w[i] = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
            for (int i = 16; i < 64; i++) {
                uint32_t x = w[i - 15], y = w[i - 2];
                w[i] = w[i - 16] + w[i - 7] + (AGW_ROR(x, 7) ^ AGW_ROR(x, 18) ^ (x >> 3))
                    + (AGW_ROR(y, 17) ^ AGW_ROR(y, 19) ^ (y >> 10));
            }
            uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
            uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
            for (int i = 0; i < 64; i += 8) {
                AGW_ROUND(a, b, c, d, e, f, g, h, i);
                AGW_ROUND(h, a, b, c, d, e, f, g, i + 1);
                AGW_ROUND(g, h, a, b, c, d, e, f, i + 2);
                AGW_ROUND(f, g, h, a, b, c, d, e, i + 3);
                AGW_ROUND(e, f, g, h, a, b, c, d, i + 4);
                AGW_ROUND(d, e, f, g, h, a, b, c, i + 5);
                AGW_ROUND(c, d, e, f, g, h, a, b, i + 6);
                AGW_ROUND(b, c, d, e, f, g, h, a, i + 7);
            }
            state[0] += a; state[1] += b; state[2] += c; state[3] += d;
            state[4] += e; state[5] += f; state[6] += g; state[7] += h;
        }
        memset(w, 0, sizeof w);
        __asm__ __volatile__("" : : "r"(w) : "memory");  /* or the compiler drops a store that nobody reads */
    }

    #if defined(__x86_64__)
    #include <immintrin.h>
    #include <cpuid.h>

    /* The instructions hold the state as two vectors, {A B E F} and {C D G H} from the highest lane down. */
    __attribute__((target("sha,sse4.1,ssse3")))
    static void agw_sha256_native(uint32_t *state, const unsigned char *data, size_t blocks) {
        const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
        __m128i abef = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]);
        __m128i cdgh = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]);
        while (blocks--) {
            __m128i abef0 = abef, cdgh0 = cdgh, w[4];
            for (int i = 0; i < 4; i++)
                w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), swap);
            #pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                __m128i now = w[i & 3];
                __m128i sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(agw_sha256_k + 4 * i)));
                cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
                abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
                if (i < 12) {  /* the four words that are due 16 rounds on */
                    __m128i next = w[(i + 1) & 3], last = w[(i + 3) & 3];
                    __m128i seven = _mm_alignr_epi8(last, w[(i + 2) & 3], 4);
                    w[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, next), seven), last);
                }
            }
            abef = _mm_add_epi32(abef, abef0);
            cdgh = _mm_add_epi32(cdgh, cdgh0);
            data += 64;
        }
        state[0] = (uint32_t)_mm_extract_epi32(abef, 3); state[1] = (uint32_t)_mm_extract_epi32(abef, 2);
        state[4] = (uint32_t)_mm_extract_epi32(abef, 1); state[5] = (uint32_t)_mm_extract_epi32(abef, 0);
        state[2] = (uint32_t)_mm_extract_epi32(cdgh, 3); state[3] = (uint32_t)_mm_extract_epi32(cdgh, 2);
        state[6] = (uint32_t)_mm_extract_epi32(cdgh, 1); state[7] = (uint32_t)_mm_extract_epi32(cdgh, 0);
    }

    static int agw_sha256_has_native(void) {  /* CPUID leaf 7: EBX bit 29 SHA; leaf 1: ECX bit 19 SSE4.1 */
        unsigned int a, b, c, d;
        if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 19)) || !(c & (1u << 9))) return 0;
        return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
    }
    #else
    #define agw_sha256_native agw_sha256_portable
    static int agw_sha256_has_native(void) { return 0; }
    #endif

    static void agw_forget(void *p, size_t n) {
        memset(p, 0, n);
        __asm__ __volatile__("" : : "r"(p) : "memory");
    }
    """
    void agw_sha256_portable(uint32_t* state, const unsigned char* data, size_t blocks) noexcept
    void agw_sha256_native(uint32_t* state, const unsigned char* data, size_t blocks) noexcept
    bint agw_sha256_has_native() noexcept
    void agw_forget(void* p, size_t n) noexcept

ctypedef void (*compress_t)(uint32_t* state, const unsigned char* data, size_t blocks) noexcept nogil

cdef bint _native = agw_sha256_has_native()


cdef inline void _store32(unsigned char* p, uint32_t value) noexcept nogil:
    p[0] = <unsigned char>(value >> 24)
    p[1] = <unsigned char>(value >> 16)
    p[2] = <unsigned char>(value >> 8)
    p[3] = <unsigned char>value


cdef void _digest(compress_t compress, const unsigned char* data, Py_ssize_t n, unsigned char* out) noexcept nogil:
    """Hash all whole blocks in place, then the padded rest from the stack (FIPS 180-4 section 5.1.1)."""
    cdef uint32_t state[8]
    cdef unsigned char tail[128]
    cdef Py_ssize_t whole = n >> 6
    cdef Py_ssize_t rest = n & 63
    cdef Py_ssize_t blocks = 2 if rest >= 56 else 1
    cdef uint64_t bits = <uint64_t>n << 3
    cdef int i
    state[0] = 0x6a09e667
    state[1] = 0xbb67ae85
    state[2] = 0x3c6ef372
    state[3] = 0xa54ff53a
    state[4] = 0x510e527f
    state[5] = 0x9b05688c
    state[6] = 0x1f83d9ab
    state[7] = 0x5be0cd19
    if whole:
        compress(state, data, <size_t>whole)
    memset(tail, 0, sizeof(tail))
    if rest:
        memcpy(tail, data + (whole << 6), <size_t>rest)
    tail[rest] = 0x80
    _store32(&tail[blocks * 64 - 8], <uint32_t>(bits >> 32))
    _store32(&tail[blocks * 64 - 4], <uint32_t>bits)
    compress(state, tail, <size_t>blocks)
    for i in range(8):
        _store32(out + 4 * i, state[i])
    agw_forget(tail, sizeof(tail))
    agw_forget(state, sizeof(state))


cdef void sha256(const unsigned char* data, Py_ssize_t n, unsigned char* out) noexcept nogil:
    if _native:
        _digest(agw_sha256_native, data, n, out)
    else:
        _digest(agw_sha256_portable, data, n, out)


cdef uint64_t sha256_identity(bytes text) except? 0:
    cdef unsigned char out[32]
    cdef uint64_t identity = 0
    cdef int i
    sha256(text, len(text), out)
    for i in range(8):
        identity |= <uint64_t> out[i] << 8 * i
    return identity


def implementations():
    """Name the implementations that this processor can run, the one in use first."""
    return ("native", "portable") if _native else ("portable",)


def digest(data not None, str implementation=""):
    """Hash data; with one of implementations(), by that one."""
    cdef unsigned char out[32]
    cdef Py_buffer view
    if implementation and implementation not in implementations():
        raise ValueError(f"no such implementation here: {implementation}")
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if implementation == "portable":
            _digest(agw_sha256_portable, <const unsigned char*> view.buf, view.len, out)
        else:
            sha256(<const unsigned char*> view.buf, view.len, out)
    finally:
        PyBuffer_Release(&view)
    return bytes(out[:32])
