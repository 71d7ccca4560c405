"""A streaming scan of the JSON of A2A for the few members by which a gateway knows what a request is, or an answer.

    a request of JSON-RPC   jsonrpc, method, id, params.{id, taskId, contextId},
                            params.message.{taskId, contextId, messageId}
    of HTTP+JSON            {id, taskId, contextId}, message.{taskId, contextId, messageId}
    an answer of JSON-RPC   result.{id, taskId, contextId}, result.status.state: a task, message or event of A2A 0.3;
                            the same within result.{task, message, statusUpdate, artifactUpdate}: those of 1.0
    of HTTP+JSON            the same without the result around it

Bytes are looked at once, wherever they are cut, and none is kept but the texts themselves: a body of any size costs the
same memory. The grammar is RFC 8259's, all of it, since a body that one reader takes and another refuses has no
meaning that one could act on. For the same reason a member of interest that comes twice, or in another case (Go's
reader takes any, and takes U+017F for "s" and U+212A for "k"), makes the whole ambiguous.

    VALUE --string, number, literal--> AFTER --,--> KEY --:--> VALUE        (in arrays VALUE follows the comma)
    VALUE --{ or [--> FIRST_KEY, FIRST_VALUE           AFTER --} or ]--> AFTER of the one around it, or DONE

Rules: nothing is allocated, nothing raised; what it finds is only good once `envelope_end` has said so, though a
text may be read before. Which members are of interest is said in `members`.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp

from agw._fastpath.copy cimport copy_short
from agw._fastpath.members cimport MEMBER_UNSURE, member_like, member_of
from agw._fastpath.percent cimport hex_value

cdef extern from "plain_run.h" nogil:
    size_t agw_plain_run(const unsigned char* data, size_t size)

cdef enum:
    MAX_DEPTH = 512         # open containers: Envelope.nesting has a bit for each

# What is expected, or being read.
cdef enum State:
    S_VALUE = 0
    S_FIRST_VALUE           # or the end of the array
    S_FIRST_KEY             # or the end of the object
    S_KEY
    S_COLON
    S_AFTER                 # a comma, or the end of what is around
    S_DONE
    S_STRING
    S_ESCAPE
    S_HEX                   # digits of \u
    S_UTF8                  # the rest of a character
    S_LITERAL
    S_MINUS
    S_ZERO
    S_INTEGER
    S_POINT
    S_FRACTION
    S_EXPONENT
    S_EXPONENT_SIGN
    S_EXPONENT_DIGITS
    S_GIVEN_UP


cdef void envelope_begin(Envelope* self, bint rest) noexcept nogil:
    _begin(self, PLACE_BODY if rest else PLACE_ENVELOPE)


cdef void answer_begin(Envelope* self, bint rest) noexcept nogil:
    _begin(self, PLACE_RESULT if rest else PLACE_ANSWER)


cdef void _begin(Envelope* self, int place) noexcept nogil:
    cdef int slot
    self.depth = self.seen = self.surrogate = 0
    self.state = S_VALUE
    self.path = 0
    self.places = <uint16_t> place
    self.slot = SLOT_OTHER
    self.taking = SLOT_OTHER
    self.unknown = U_NOT
    for slot in range(<int> SLOTS):
        self.texts[slot].state = TEXT_ABSENT
        self.texts[slot].size = 0


cdef inline bint _give_up(Envelope* self, int why) noexcept nogil:
    cdef Text* text = _text(self)
    if text != NULL and (S_STRING <= self.state <= S_UTF8 or S_MINUS <= self.state <= S_EXPONENT_DIGITS):
        text.state = TEXT_UNUSABLE      # it is not whole
    self.state = S_GIVEN_UP
    self.unknown = <uint8_t> why
    return False


cdef inline bint _named(Envelope* self, const char* key, size_t size) noexcept nogil:
    """A member of an object of interest has this name. False: which it is readers do not agree on."""
    cdef int slot = member_of(self.places & 15, key, size)
    cdef bint exact = slot != MEMBER_UNSURE
    if not exact:
        slot = member_like(self.places & 15, key, size)
    self.slot = <uint8_t> slot
    if slot == SLOT_OTHER:
        return True
    if not exact or self.seen >> slot & 1:
        if slot < SLOTS:
            self.texts[slot].state = TEXT_UNUSABLE
        return _give_up(self, U_AMBIGUOUS)
    self.seen |= <uint16_t> (1 << slot)
    return True


cdef bint _key_ended(Envelope* self) noexcept nogil:
    self.state = S_COLON
    self.slot = SLOT_OTHER
    if self.taking == SLOT_OTHER:
        return True
    if self.nul:            # a reader in C takes it to end there
        return _give_up(self, U_AMBIGUOUS)
    return self.key.state != TEXT_USED or _named(self, self.key.data, self.key.size)


# --- strings ------------------------------------------------------------------------------------------------------

cdef inline Text* _text(Envelope* self) noexcept nogil:
    """Where what is read is copied to; NULL where nobody wants it."""
    if self.taking == SLOT_OTHER:
        return NULL
    return &self.key if self.taking == SLOTS else &self.texts[self.taking]


cdef inline void _put(Text* text, unsigned char byte) noexcept nogil:
    if text.size == TEXT_ROOM:
        text.state = TEXT_UNUSABLE
    else:
        text.data[text.size] = <char> byte
        text.size += 1


cdef inline void _halved(Envelope* self, Text* text) noexcept nogil:
    """Something else came where the second half of a pair was due."""
    if self.surrogate:
        text.state = TEXT_UNUSABLE
        self.surrogate = 0


cdef inline void _put_run(Envelope* self, Text* text, const unsigned char* run, Py_ssize_t size) noexcept nogil:
    """Plain bytes of a string that is copied."""
    if size == 0:
        return
    if self.surrogate:
        _halved(self, text)
    if size > TEXT_ROOM - text.size:
        size = TEXT_ROOM - text.size
        text.state = TEXT_UNUSABLE
    copy_short(text.data + text.size, run, size)
    text.size += <uint8_t> size


cdef void _put_character(Text* text, uint32_t c) noexcept nogil:
    """In UTF-8."""
    if c < 0x80:
        _put(text, <unsigned char> c)
        return
    if c < 0x800:
        _put(text, <unsigned char> (0xc0 | c >> 6))
    else:
        if c < 0x10000:
            _put(text, <unsigned char> (0xe0 | c >> 12))
        else:
            _put(text, <unsigned char> (0xf0 | c >> 18))
            _put(text, <unsigned char> (0x80 | (c >> 12 & 0x3f)))
        _put(text, <unsigned char> (0x80 | (c >> 6 & 0x3f)))
    _put(text, <unsigned char> (0x80 | (c & 0x3f)))


cdef void _escaped(Envelope* self, Text* text) noexcept nogil:
    """A \\u escape is complete. Halves of a pair are one character together, and none alone."""
    cdef uint32_t c = self.code_point
    if self.surrogate:
        if 0xdc00 <= c < 0xe000:
            _put_character(text, 0x10000 + ((<uint32_t> self.surrogate - 0xd800) << 10) + (c - 0xdc00))
            self.surrogate = 0
            return
        text.state = TEXT_UNUSABLE
        self.surrogate = 0
    if 0xd800 <= c < 0xdc00:
        self.surrogate = <uint16_t> c
    elif 0xdc00 <= c < 0xe000:
        text.state = TEXT_UNUSABLE
    else:
        self.nul |= c == 0
        _put_character(text, c)


cdef inline bint _raw(int slot) noexcept nogil:
    """Whether a text is kept as it stands: an id is given back in an error, whatever it is."""
    return slot == SLOT_RPC_ID


cdef bint _lead(Envelope* self, unsigned char c) noexcept nogil:
    """The first byte of a character that is not ASCII (RFC 3629 section 4)."""
    self.low, self.high = 0x80, 0xbf
    if 0xc2 <= c <= 0xdf:
        self.left = 1
    elif 0xe0 <= c <= 0xef:
        self.left = 2
        if c == 0xe0:
            self.low = 0xa0
        elif c == 0xed:
            self.high = 0x9f
    elif 0xf0 <= c <= 0xf4:
        self.left = 3
        if c == 0xf0:
            self.low = 0x90
        elif c == 0xf4:
            self.high = 0x8f
    else:
        return False
    self.state = S_UTF8
    return True


cdef inline int _unescaped(unsigned char c) noexcept nogil:
    """What a one-letter escape stands for; -1 where there is none."""
    if c == b'"' or c == b"\\" or c == b"/":
        return c
    if c == b"b": return 8
    if c == b"f": return 12
    if c == b"n": return 10
    if c == b"r": return 13
    if c == b"t": return 9
    return -1


cdef void _string_begins(Envelope* self, int taking) noexcept nogil:
    cdef Text* text
    self.state = S_STRING
    self.taking = <uint8_t> taking
    self.surrogate = 0
    self.nul = False
    text = _text(self)
    if text != NULL:
        text.state = TEXT_USED
        text.size = 0
        if _raw(self.taking):
            _put(text, b'"')


cdef bint _string_ends(Envelope* self) noexcept nogil:
    cdef Text* text = _text(self)
    if text != NULL:
        _halved(self, text)
        if _raw(self.taking):
            _put(text, b'"')
    if self.is_key:
        return _key_ended(self)
    self.state = S_AFTER
    return True


cdef bint _in_string(Envelope* self, unsigned char c) noexcept nogil:
    """One byte of a string, of any of its states, that is not the quote at its end. False: that is no JSON."""
    cdef Text* text = _text(self)
    cdef int value
    if text != NULL and _raw(self.taking):
        _put(text, c)
    elif text != NULL and self.state != S_ESCAPE and self.state != S_HEX and c != b"\\":
        _halved(self, text)
        _put(text, c)
    if self.state == S_STRING:
        if c == b"\\":
            self.state = S_ESCAPE
            return True
        return c >= 0x20 and (c < 0x80 or _lead(self, c))
    if self.state == S_UTF8:
        if not self.low <= c <= self.high:
            return False
        self.low, self.high = 0x80, 0xbf
        self.left -= 1
        if self.left == 0:
            self.state = S_STRING
        return True
    if self.state == S_HEX:
        value = hex_value(c)
        self.code_point = self.code_point << 4 | <uint32_t> value
        self.left -= 1
        if value >= 0 and self.left == 0:
            self.state = S_STRING
            if text != NULL and not _raw(self.taking):
                _escaped(self, text)
        return value >= 0
    if c == b"u":
        self.state, self.left, self.code_point = S_HEX, 4, 0
        return True
    value = _unescaped(c)
    self.state = S_STRING
    if text != NULL and not _raw(self.taking) and value >= 0:
        _halved(self, text)
        _put(text, <unsigned char> value)
    return value >= 0


# --- values -------------------------------------------------------------------------------------------------------

cdef inline bint _in_object(const Envelope* self) noexcept nogil:
    return self.nesting[(self.depth - 1) >> 6] >> ((self.depth - 1) & 63) & 1


cdef bint _open(Envelope* self, bint is_object) noexcept nogil:
    cdef uint64_t bit
    if self.depth == MAX_DEPTH:
        return _give_up(self, U_DEEP)
    if self.depth == 0 and not is_object:
        return _give_up(self, U_NO_OBJECT)
    # The members of this object are of interest where it is itself one, of an object that is.
    if self.depth == 0:
        self.path = 1
    elif is_object and self.depth == self.path and SLOTS <= self.slot < SLOT_OTHER:
        self.path += 1
        self.places = <uint16_t> (self.places << 4 | (self.slot - SLOTS + PLACE_PARAMS))
    bit = <uint64_t> 1 << (self.depth & 63)
    if is_object:
        self.nesting[self.depth >> 6] |= bit
    else:
        self.nesting[self.depth >> 6] &= ~bit
    self.depth += 1
    self.state = S_FIRST_KEY if is_object else S_FIRST_VALUE
    return True


cdef bint _is_of_version(Envelope* self) noexcept nogil:
    cdef const Text* version = &self.texts[<int> SLOT_VERSION]
    if version.state == TEXT_USED and version.size == 3 and memcmp(version.data, b"2.0", 3) == 0:
        return True
    return _give_up(self, U_VERSION)


cdef bint _close(Envelope* self, bint is_object) noexcept nogil:
    cdef int place = self.places & 15
    if _in_object(self) != is_object:
        return _give_up(self, U_INVALID)
    self.slot = SLOT_OTHER
    self.depth -= 1
    self.state = S_AFTER if self.depth else S_DONE
    if self.path > self.depth:
        if place == PLACE_PARAMS or place == PLACE_BODY:
            self.seen |= <uint16_t> (1 << SEEN_PARAMS)
        self.path -= 1
        self.places >>= 4
    return self.depth > 0 or place != PLACE_ENVELOPE or _is_of_version(self)


cdef inline int _slot(const Envelope* self) noexcept nogil:
    """Of the text that the value is which begins here."""
    return self.slot if self.depth == self.path and self.slot < SLOTS else SLOT_OTHER


cdef bint _value(Envelope* self, unsigned char c) noexcept nogil:
    """The first byte of a value that is no string."""
    cdef int slot = _slot(self)
    if c == b"{" or c == b"[":
        if slot != SLOT_OTHER:
            self.texts[slot].state = TEXT_UNUSABLE
        return _open(self, c == b"{")
    if self.depth == 0:
        return _give_up(self, U_NO_OBJECT)
    self.taking = SLOT_OTHER
    if c == b"-" or b"0" <= c <= b"9":
        self.state = S_MINUS if c == b"-" else (S_ZERO if c == b"0" else S_INTEGER)
        if slot == SLOT_RPC_ID:
            self.taking = <uint8_t> slot
            self.texts[slot].state = TEXT_USED
            self.texts[slot].size = 0
            _put(&self.texts[slot], c)
        elif slot != SLOT_OTHER:
            self.texts[slot].state = TEXT_UNUSABLE
        return True
    if c != b"t" and c != b"f" and c != b"n":
        return _give_up(self, U_INVALID)
    if slot != SLOT_OTHER and c != b"n":    # null is as good as nothing, here as to both generations' readers
        self.texts[slot].state = TEXT_UNUSABLE
    self.literal = c
    self.left = 4 if c == b"f" else 3
    self.state = S_LITERAL
    return True


cdef bint _in_literal(Envelope* self, unsigned char c) noexcept nogil:
    cdef const char* rest = "rue" if self.literal == b"t" else ("alse" if self.literal == b"f" else "ull")
    cdef int size = 4 if self.literal == b"f" else 3
    if c != <unsigned char> rest[size - self.left]:
        return _give_up(self, U_INVALID)
    self.left -= 1
    if self.left == 0:
        self.state = S_AFTER
    return True


cdef inline int _number_state(int state, unsigned char c) noexcept nogil:
    """The state after one more byte of a number; S_AFTER where it ended before it, S_GIVEN_UP where it must not."""
    cdef bint digit = b"0" <= c <= b"9"
    if state == S_INTEGER or state == S_ZERO:
        if digit:
            return S_INTEGER if state == S_INTEGER else S_GIVEN_UP
        return S_POINT if c == b"." else (S_EXPONENT if c | 0x20 == b"e" else S_AFTER)
    if state == S_FRACTION:
        return S_FRACTION if digit else (S_EXPONENT if c | 0x20 == b"e" else S_AFTER)
    if state == S_EXPONENT_DIGITS:
        return S_EXPONENT_DIGITS if digit else S_AFTER
    if state == S_MINUS:
        return S_GIVEN_UP if not digit else (S_ZERO if c == b"0" else S_INTEGER)
    if state == S_POINT:
        return S_FRACTION if digit else S_GIVEN_UP
    if state == S_EXPONENT and (c == b"+" or c == b"-"):
        return S_EXPONENT_SIGN
    return S_EXPONENT_DIGITS if digit else S_GIVEN_UP


cdef bint _between(Envelope* self, unsigned char c) noexcept nogil:
    """A byte that is neither of a string nor of a number nor of a literal, nor a string's first."""
    cdef int state = self.state
    if c == b" " or c == b"\n" or c == b"\r" or c == b"\t":
        return True
    if state == S_AFTER:
        if c == b",":
            self.state = S_KEY if _in_object(self) else S_VALUE
            return True
        return _close(self, c == b"}") if c == b"}" or c == b"]" else _give_up(self, U_INVALID)
    if state == S_KEY or state == S_FIRST_KEY:
        return _close(self, True) if c == b"}" and state == S_FIRST_KEY else _give_up(self, U_INVALID)
    if state == S_COLON:
        self.state = S_VALUE
        return c == b":" or _give_up(self, U_INVALID)
    if state == S_FIRST_VALUE and c == b"]":
        return _close(self, False)
    if state == S_VALUE or state == S_FIRST_VALUE:
        return _value(self, c)
    return _give_up(self, U_INVALID)


# --- strings that are whole in the bytes at hand ------------------------------------------------------------------

cdef const unsigned char* _begun(
    Envelope* self, int taking, bint is_key, const unsigned char* data, const unsigned char* stop,
) noexcept nogil:
    """A string that is plain up to `stop`, and is gone on with by the byte: it is not all there, not plain, or long."""
    self.is_key = is_key
    _string_begins(self, taking)
    if taking != SLOT_OTHER:
        _put_run(self, _text(self), data, stop - data)
    return stop


cdef inline const unsigned char* _name(
    Envelope* self, const unsigned char* data, const unsigned char* end,
) noexcept nogil:
    """A name from behind its quote on. Gives where to go on; NULL where the scan has given up."""
    cdef const unsigned char* stop = data + agw_plain_run(data, end - data)
    cdef bint known = self.depth == self.path
    if stop == end or stop[0] != b'"':
        return _begun(self, SLOTS if known else SLOT_OTHER, True, data, stop)
    self.state = S_COLON
    if known and not _named(self, <const char*> data, stop - data):
        return NULL
    return stop + 1


cdef inline void _keep(Envelope* self, int slot, const unsigned char* data, const unsigned char* stop) noexcept nogil:
    """A text that is whole between its quotes, and has room with them."""
    cdef Text* text = &self.texts[slot]
    if _raw(slot):
        data, stop = data - 1, stop + 1
    text.state = TEXT_USED
    text.size = <uint8_t> (stop - data)
    copy_short(text.data, data, stop - data)


cdef inline const unsigned char* _string(
    Envelope* self, const unsigned char* data, const unsigned char* end,
) noexcept nogil:
    """A value from behind its quote on. Gives where to go on."""
    cdef const unsigned char* stop = data + agw_plain_run(data, end - data)
    cdef int slot = _slot(self)
    if stop == end or stop[0] != b'"' or (slot != SLOT_OTHER and stop - data > TEXT_ROOM - 2):
        return _begun(self, slot, False, data, stop)
    self.state = S_AFTER
    if slot != SLOT_OTHER:
        _keep(self, slot, data, stop)
    return stop + 1


cdef inline const unsigned char* _members(
    Envelope* self, const unsigned char* data, const unsigned char* end,
) noexcept nogil:
    """Members from the quote of a name on, as long as they are plain strings with nothing between them.

    Where a string is gone on with by the byte there is neither a colon nor a comma.
    """
    while True:
        data = _name(self, data + 1, end)
        if data == NULL or data == end or data[0] != b":":
            return data
        data += 1
        self.state = S_VALUE
        if data == end or data[0] != b'"':
            return data
        data = _string(self, data + 1, end)
        if end - data < 2 or data[0] != b"," or data[1] != b'"':
            return data
        data += 1


cdef bint envelope_feed(Envelope* self, const unsigned char* data, Py_ssize_t size) noexcept nogil:
    cdef const unsigned char* end = data + size
    cdef Py_ssize_t run
    cdef int state
    while data < end:
        state = self.state
        if state <= S_DONE:
            if data[0] == b'"' and state <= S_KEY and self.depth:
                data = _members(self, data, end) if state >= S_FIRST_KEY else _string(self, data + 1, end)
                if data == NULL:
                    return False
                continue
            if not _between(self, data[0]):
                return False
        elif state <= S_UTF8:
            if state == S_STRING:
                run = agw_plain_run(data, end - data)
                if self.taking != SLOT_OTHER:
                    _put_run(self, _text(self), data, run)
                data += run
                if data == end:
                    return True
                if data[0] == b'"':
                    if not _string_ends(self):
                        return False
                    data += 1
                    continue
            if not _in_string(self, data[0]):
                return self.state != S_GIVEN_UP and _give_up(self, U_INVALID)
        elif state == S_LITERAL:
            if not _in_literal(self, data[0]):
                return False
        elif state <= S_EXPONENT_DIGITS:
            state = _number_state(state, data[0])
            if state == S_GIVEN_UP:
                return _give_up(self, U_INVALID)
            self.state = <uint8_t> state
            if state == S_AFTER:
                continue        # the byte that ended it is looked at again
            if self.taking != SLOT_OTHER:
                _put(&self.texts[self.taking], data[0])
        else:
            return False
        data += 1
    return True


cdef bint envelope_end(Envelope* self) noexcept nogil:
    return self.state == S_DONE or (self.state != S_GIVEN_UP and _give_up(self, U_INVALID))


cdef bint envelope_closed(const Envelope* self) noexcept nogil:
    return self.state == S_DONE


cdef const Text* answer_task(const Envelope* self) noexcept nogil:
    cdef int slot = SLOT_TASK
    if self.texts[slot].state == TEXT_ABSENT and self.texts[<int> SLOT_STATE].state == TEXT_USED:
        slot = SLOT_ID      # of a task, which has a state: what else has an `id` is no task
    if self.texts[slot].state != TEXT_USED:
        return NULL
    return &self.texts[slot]


cdef bint envelope_has(const Envelope* self, int slot) noexcept nogil:
    cdef bint reading = S_STRING <= self.state <= S_UTF8 or S_MINUS <= self.state <= S_EXPONENT_DIGITS
    return self.texts[slot].state == TEXT_USED and not (reading and self.taking == slot)


def scan_envelope(pieces, bint rest=False, bint answer=False):
    """For tests and fuzzing: see envelope.pyi."""
    cdef Envelope self
    cdef const unsigned char[::1] view
    cdef const Text* task
    if answer:
        answer_begin(&self, rest)
    else:
        envelope_begin(&self, rest)
    for piece in pieces:
        if len(piece):
            view = piece
            envelope_feed(&self, &view[0], view.shape[0])
    envelope_end(&self)
    if answer:
        task = answer_task(&self)
        return self.unknown, (_told(task), _told(&self.texts[<int> SLOT_CONTEXT]), _told(&self.texts[<int> SLOT_STATE]))
    return self.unknown, tuple([_told(&self.texts[slot]) for slot in range(<int> SLOTS)])


cdef bytes _told(const Text* text):
    return text.data[:text.size] if text != NULL and text.state == TEXT_USED else None
