# Idle connections in the order in which they became so: those to an endpoint, and those of clients between requests.

from agw._fastpath.stream cimport Stream

# An intrusive list of Streams; a stream is in one at most. The list borrows them: the poller owns them.
cdef struct IdleList:
    void* newest
    void* oldest
    int count


cdef inline void idle_add(IdleList* idle, Stream stream) noexcept:
    """Add as the newest; nothing where it is in the list already."""
    if stream.is_idle:
        return
    stream.is_idle = True
    stream.newer_idle = NULL
    stream.older_idle = idle.newest
    if idle.newest != NULL:
        (<Stream> idle.newest).newer_idle = <void*> stream
    else:
        idle.oldest = <void*> stream
    idle.newest = <void*> stream
    idle.count += 1


cdef inline void idle_remove(IdleList* idle, Stream stream) noexcept:
    """Take out; nothing where it is not in the list."""
    if not stream.is_idle:
        return
    stream.is_idle = False
    if stream.newer_idle != NULL:
        (<Stream> stream.newer_idle).older_idle = stream.older_idle
    else:
        idle.newest = stream.older_idle
    if stream.older_idle != NULL:
        (<Stream> stream.older_idle).newer_idle = stream.newer_idle
    else:
        idle.oldest = stream.newer_idle
    stream.newer_idle = stream.older_idle = NULL
    idle.count -= 1
