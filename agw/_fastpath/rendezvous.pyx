"""Rendezvous hashing (Thaler and Ravishankar, 1998): an id ranks all places, and belongs to the one it ranks highest.

Why not a ring: there is no state to build or to agree upon. Whoever knows the same places comes to the same answer, and
when a place goes, only its own ids move. Where places have weights, ranks are drawn out by them as Schindelhauer and
Schomaker do (2005): shares of ids are proportional to weights, and a change of one moves ids only to or from there.

Rules: the numbers are a format. All pods of a Gateway must agree, also while a new version is rolled out, so neither
the hash nor its constants ever change; and they are no secret, so nothing is safe because of them. Bytes are read as on
little-endian machines, which all are that agw runs on.
"""

from libc.math cimport log
from libc.stdint cimport uint64_t

cdef extern from "hash.h" nogil:
    uint64_t agw_hash(const unsigned char* data, size_t size, uint64_t state, const uint64_t* secret)
    uint64_t agw_fold(uint64_t a, uint64_t b)

# Digits of pi, which nobody has chosen.
cdef uint64_t _PI[4]
_PI[:] = [0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89]


cdef uint64_t spot_of(const void* name, Py_ssize_t size) noexcept nogil:
    cdef uint64_t spot = agw_hash(<const unsigned char*> name, <size_t> size, 0, _PI)
    return spot if spot else 1


cdef uint64_t rank_of(uint64_t id, uint64_t spot) noexcept nogil:
    return agw_fold(agw_fold(id ^ _PI[0], spot ^ _PI[1]) ^ _PI[2], id ^ _PI[3])


cdef double distance_of(uint64_t id, uint64_t spot, long weight) noexcept nogil:
    # The rank as a number between 0 and 1, both excluded; its logarithm is exponentially distributed.
    cdef double unit = (<double> (rank_of(id, spot) >> 11) + 0.5) / 9007199254740992.0
    return -log(unit) / <double> weight


def spot(bytes name):
    """For tests: see rendezvous.pyi."""
    return spot_of(<const char*> name, len(name))


def rank(bytes named, uint64_t spot):
    """For tests: see rendezvous.pyi."""
    return rank_of(spot_of(<const char*> named, len(named)), spot)


def distance(bytes named, uint64_t spot, long weight):
    """For tests: see rendezvous.pyi."""
    return distance_of(spot_of(<const char*> named, len(named)), spot, weight)
