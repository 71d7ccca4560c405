# What a request or an answer of A2A says of itself, found in its JSON as it passes: a scan without a buffer, of any
# split of any size.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    TEXT_ROOM = 128             # bytes of a text that is kept; a longer one counts as one that cannot be used

cdef enum Unknown:
    U_NOT = 0                   # nothing speaks against it
    U_INVALID = 1               # no JSON (RFC 8259), or not UTF-8
    U_NO_OBJECT = 2             # a batch, or a bare value
    U_AMBIGUOUS = 3             # a member twice, or in another case: readers differ in what they take
    U_DEEP = 4                  # nested deeper than anybody reads
    U_VERSION = 5               # not JSON-RPC 2.0

cdef enum TextState:
    TEXT_ABSENT = 0
    TEXT_USED = 1
    TEXT_UNUSABLE = 2           # no string, too long, or half a surrogate pair

cdef struct Text:
    uint8_t state               # TextState
    uint8_t size                # bytes, at most TEXT_ROOM
    char data[128]              # decoded; of the envelope's id as it stands in the body

# Where a text is from: the request's envelope, its parameters, the message in them. Of an answer: SLOT_ID, SLOT_TASK,
# SLOT_CONTEXT and SLOT_STATE of what it is about.
cdef enum Slot:
    SLOT_VERSION = 0
    SLOT_METHOD = 1
    SLOT_RPC_ID = 2
    SLOT_ID = 3
    SLOT_TASK = 4
    SLOT_CONTEXT = 5
    SLOT_MESSAGE_TASK = 6
    SLOT_MESSAGE_CONTEXT = 7
    SLOT_MESSAGE_ID = 8
    SLOT_STATE = 8              # of an answer, which has no message's id
    SLOTS = 9
    SLOT_PARAMS = 9             # of objects on the way to those
    SLOT_MESSAGE = 10
    SLOT_RESULT = 11
    SLOT_WRAPPED = 12
    SLOT_STATUS = 13
    SLOT_OTHER = 14             # of no interest
    SEEN_PARAMS = 15            # a bit of `seen`: the parameters are read to their end, and with them all ids

# Which object it is whose members are read.
cdef enum Place:
    PLACE_ENVELOPE = 0          # a JSON-RPC request
    PLACE_PARAMS = 1            # its parameters
    PLACE_MESSAGE = 2           # the message in them
    PLACE_RESULT = 3            # the result of a JSON-RPC answer, or the answer itself in HTTP+JSON
    PLACE_WRAPPED = 4           # in A2A 1.0, the task, message or event in that
    PLACE_STATUS = 5            # the status of any of them
    PLACE_ANSWER = 6            # a JSON-RPC answer
    PLACE_BODY = 7              # a request of HTTP+JSON: parameters

cdef struct Envelope:
    uint64_t nesting[8]         # a bit for each open container: an object, not an array
    uint32_t code_point         # of an escape, as far as it is read
    uint16_t depth              # open containers
    uint16_t seen               # a bit for each Slot whose member has come
    uint16_t places             # Place of each container that leads to texts, the innermost in the lowest four bits
    uint16_t surrogate          # the first half of a pair, until the second has come
    uint8_t state               # see envelope.pyx
    uint8_t path                # how many of the open containers, from the outermost, lead to texts
    uint8_t slot                # of the member that is being read
    uint8_t taking              # Slot, or SLOTS: a key; of the text that the string or number is copied to
    uint8_t left                # bytes of a character, digits of an escape, or letters of a literal
    uint8_t low                 # least value of the character's next byte
    uint8_t high                # and the greatest
    uint8_t is_key              # the string that is being read is a member's name
    uint8_t unknown             # Unknown
    uint8_t literal             # first letter of true, false or null
    uint8_t nul                 # the string that is being read has had an escaped NUL
    Text key                    # of the member that is being read
    Text texts[9]               # by Slot

# rest: the body is the parameters themselves, and no JSON-RPC envelope.
cdef void envelope_begin(Envelope* self, bint rest) noexcept nogil
# An answer instead. rest: it is the result itself.
cdef void answer_begin(Envelope* self, bint rest) noexcept nogil
# Bytes as they come. False once the scan has given up: nothing more of the body can change that.
cdef bint envelope_feed(Envelope* self, const unsigned char* data, Py_ssize_t size) noexcept nogil
# Whether a text is there, whole.
cdef bint envelope_has(const Envelope* self, int slot) noexcept nogil
# Whether the outermost object has been closed: all that it says is known.
cdef bint envelope_closed(const Envelope* self) noexcept nogil
# The text of an answer that is its task's id, NULL where it has none; good as the scan is.
cdef const Text* answer_task(const Envelope* self) noexcept nogil
# The body is complete: whether it says what it is; otherwise `unknown` says why not.
cdef bint envelope_end(Envelope* self) noexcept nogil
