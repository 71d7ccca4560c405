/* Numbers that two threads, or processes, share. Sequentially consistent throughout: none of them is on a path where that would show. */
#ifndef AGW_ATOMIC_H
#define AGW_ATOMIC_H

#include <stdint.h>

static inline uint64_t agw_load(const uint64_t *from) { return __atomic_load_n(from, __ATOMIC_SEQ_CST); }

static inline void agw_store(uint64_t *to, uint64_t value) { __atomic_store_n(to, value, __ATOMIC_SEQ_CST); }

static inline uint64_t agw_swap(uint64_t *to, uint64_t value) { return __atomic_exchange_n(to, value, __ATOMIC_SEQ_CST); }

static inline uint64_t agw_add(uint64_t *to, uint64_t value) { return __atomic_fetch_add(to, value, __ATOMIC_SEQ_CST); }

/* Whether `expected` was there, and `value` is there now. */
static inline int agw_exchange(uint64_t *at, uint64_t expected, uint64_t value) {
    return __atomic_compare_exchange_n(at, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#endif
