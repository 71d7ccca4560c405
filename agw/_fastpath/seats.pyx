"""Seats: how many event streams of a policy are open, exactly, in memory that all workers of a pod share.

                    column: a process
    row: whose      3   0   1   0   ...      a seat is taken where the row's sum is below the limit
                    0   0   0   0   ...      a row without seats is free for anybody

A column is a process's own, so that the supervisor takes back all that it had by emptying one column, however it ended.
There is no sum beside the columns, since two words that say one thing are never both right when their writer dies
between them.

To look and to take must be one step, so a seat is taken under a lock; giving one back is a single step and needs none.
Whoever is killed with the lock has its name in it, by which the supervisor takes it away, as it does the seats. Where
it is held for longer than any living process would, there is no seat: a limit is never passed by.

Rules: nothing is allocated, nothing raised on the way. Tags are keyed hashes (see limits), whose row is found from
where their low bits lead.
"""

cimport cython
from libc.stdint cimport uint64_t
from posix.unistd cimport getpid

cdef extern from "atomic.h" nogil:
    uint64_t agw_load(const uint64_t* source)
    void agw_store(uint64_t* to, uint64_t value)
    uint64_t agw_add(uint64_t* to, uint64_t value)
    bint agw_exchange(uint64_t* at, uint64_t expected, uint64_t value)

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef enum:
    HEADER = 64             # bytes before the first row
    ROWS = 1024             # a power of two
    PROBES = 32             # rows that are looked at for a tag
    SPINS = 64              # looks at the lock between two yields
    LOOKS = 640_000         # then whoever holds it does not live

cdef struct Header:
    uint64_t lock
    uint64_t columns


cdef size_t _stride_of(uint64_t columns) noexcept nogil:
    """Whole cache lines, so that no two rows share one."""
    return (sizeof(uint64_t) * (1 + columns) + 63) & ~<size_t> 63


def seats_size(columns):
    """Bytes of a table for so many processes: see seats.pyi."""
    return HEADER + ROWS * _stride_of(columns)


def prepare_seats(unsigned char[::1] memory, columns):
    """Make a table of zeroed memory: see seats.pyi."""
    (<Header*> &memory[0]).columns = columns


def vacate(memory, int column):
    """Nobody has this column any more: see seats.pyi."""
    cdef Seats seats = Seats(memory, column)
    cdef int row
    for row in range(<int> ROWS):
        agw_store(&seats._row(row).seats[column], 0)


def unlock(memory, int pid):
    """This process has ended: see seats.pyi."""
    cdef Seats seats = Seats(memory, 0)
    agw_exchange(seats._lock, <uint64_t> pid, 0)


@cython.final
cdef class Seats:
    """The table, mapped by one process."""

    def __cinit__(self, unsigned char[::1] memory, int column):
        cdef Header* header
        if memory.shape[0] < HEADER:
            raise ValueError("no table of seats")
        header = <Header*> &memory[0]
        if not 0 <= column < <int> header.columns or memory.shape[0] < <Py_ssize_t> (
            HEADER + ROWS * _stride_of(header.columns)
        ):
            raise ValueError("no such column, or less memory than the table says")
        self._memory = memory
        self._lock = &header.lock
        self._rows = &memory[0] + HEADER
        self._stride = _stride_of(header.columns)
        self._pid = <uint64_t> getpid()
        self.columns = <int> header.columns
        self.column = column

    cdef bint _enter(self) noexcept nogil:
        """Have the lock; False where it cannot be had."""
        cdef int looks
        for looks in range(1, LOOKS + 1):
            if agw_load(self._lock) == 0 and agw_exchange(self._lock, 0, self._pid):
                return True
            if looks % SPINS == 0:
                sched_yield()
        return False

    cdef Row* _row(self, int row) noexcept nogil:
        return <Row*> (self._rows + row * self._stride)

    cdef uint64_t _taken(self, const Row* row) noexcept nogil:
        cdef uint64_t taken = 0
        cdef int i
        for i in range(self.columns):
            taken += agw_load(&row.seats[i])
        return taken

    cdef int _find(self, uint64_t tag) noexcept nogil:
        """The row of a tag, made where it has none; -1 where there is no room for it. Under the lock."""
        cdef int at, i, free = -1
        cdef Row* row
        for i in range(<int> PROBES):
            at = <int> ((tag + <uint64_t> i) & (ROWS - 1))
            row = self._row(at)
            if row.tag == tag:
                return at
            if free < 0 and self._taken(row) == 0:
                free = at
        if free >= 0:
            self._row(free).tag = tag
        return free

    cdef int take(self, uint64_t tag, uint64_t most) noexcept nogil:
        cdef int at
        cdef Row* row
        if not self._enter():
            return -1
        at = self._find(tag)
        if at >= 0:
            row = self._row(at)
            if self._taken(row) < most:
                agw_add(&row.seats[self.column], 1)
            else:
                at = -1
        agw_exchange(self._lock, self._pid, 0)
        return at

    cdef void leave(self, int row) noexcept nogil:
        agw_add(&self._row(row).seats[self.column], <uint64_t> -1)

    def try_take(self, uint64_t tag, uint64_t most):
        """For tests: see seats.pyi."""
        return self.take(tag, most)

    def try_leave(self, int row):
        """For tests: see seats.pyi."""
        self.leave(row)

    def taken(self, uint64_t tag):
        """For tests: see seats.pyi."""
        cdef int i
        cdef Row* row
        for i in range(<int> PROBES):
            row = self._row(<int> ((tag + <uint64_t> i) & (ROWS - 1)))
            if row.tag == tag:
                return self._taken(row)
        return 0


def own_seats():
    """Seats of a process that shares them with nobody: see seats.pyi."""
    memory = bytearray(seats_size(1))
    prepare_seats(memory, 1)
    return Seats(memory, 0)
