# SPDX-License-Identifier: MIT
"""May I quote? Reads what flatline publishes, from Python: one file, the standard library alone.

    import flatline

    gate = flatline.attach().gate("okx/BTC-USDT")
    while gate.look():
        quote()

A *stream* is fresh while now is before its lease and before the end of the sentinel's own
promise. A *gate* is fresh while all its streams are. Not fresh is never an exception: what cannot
be trusted is False. Times are nanoseconds of CLOCK_MONOTONIC; where a method takes `now_ns`, it
reads the clock itself unless told. Attaching fails with an Error that says which of Code it is.

Threads: every method may be called from any of them. A handle (Stream, Gate) that looks again
after a restart of the sentinel moves to the new segment in one step.

How it reads: the segment is mapped read-only and seen as 64-bit words, `memoryview.cast("Q")`,
whose items CPython loads whole; `struct` may take a word byte by byte and is not used. Slots are
copied by their sequence, a bounded number of times. That loads stay in program order is x86-64's
promise, which a snapshot leans on; a look does not. docs/SHARED-MEMORY.md is the format.
"""
import collections
import enum
import errno
import mmap
import os
import stat
import threading
import time

__all__ = ["attach", "Reader", "Stream", "Gate", "Snapshot", "Detail", "Lease",
           "Error", "UnknownName", "Code", "Why", "State", "Fault", "monotonic_ns"]

monotonic_ns = time.monotonic_ns

_CLOCK_MISMATCH_NS = 10 * 10**9  # a beat this far ahead was stamped by another clock
_SLOT_TRIES = 64
_PATH_MAX = 4096


class _Meant(enum.IntEnum):
    """A number that also has a meaning, for people."""

    def __new__(cls, number, meaning):
        self = int.__new__(cls, number)
        self._value_ = number
        self.meaning = meaning
        return self


# ---- made by bindings/generate.py from docs/layout.json: begin ----
MAGIC = 0x454e494c54414c46
MAJOR = 1
MINOR = 0
LAYOUT_HASH = 0xd1ae7c85e7e73b58
DEFAULT_DIRECTORY = "/dev/shm"
DEFAULT_NAME = "flatline"
_NAME_BYTES = 64
_LEASE_ABSURD_NS = 7200000000000
_ALIVE_ABSURD_NS = 10000000000
_RECORDS_MAX = 1048576

# Where things are, in bytes from the start of their record.
_PLACE_BYTES = 16
_PLACE_OFFSET_BYTES = 0
_PLACE_STRIDE_BYTES = 8
_PLACE_COUNT = 12
_HEADER_BYTES = 640
_HEADER_MAGIC = 0
_HEADER_MAJOR = 8
_HEADER_MINOR = 12
_HEADER_FILE_BYTES = 16
_HEADER_LAYOUT_HASH = 24
_HEADER_EPOCH = 32
_HEADER_WRITER_PID = 40
_HEADER_WRITER_START_TICKS = 48
_HEADER_CREATED_MONO_NS = 56
_HEADER_CREATED_WALL_NS = 64
_HEADER_BOOTTIME_OFFSET_NS = 72
_HEADER_SECTIONS = 80
_HEADER_CONTROL_SOCKET = 304
_HEADER_ALIVE_UNTIL_MONO_NS = 512
_HEADER_STATE = 520
_HEADER_JUDGE_BEAT_MONO_NS = 528
_HEADER_INGEST_BEAT_MONO_NS = 536
_HEADER_EVENT_HEAD = 544
_HEADER_FAULT_SERIAL = 552
_HEADER_SENTINEL_WHY = 560
_LEASE_BYTES = 128
_LEASE_UNTIL_MONO_NS = 0
_LEASE_DUE_ID = 8
_LEASE_LOST_COUNT = 16
_LEASE_QUIET_UNTIL_MONO_NS = 24
_LEASE_REVOKED_BY = 32
_GATE_BYTES = 128
_GATE_NAME = 0
_GATE_FIRST_MEMBER = 64
_GATE_MEMBER_COUNT = 68
_GATE_FLAGS = 72
_MEMBER_BYTES = 16
_MEMBER_STREAM = 0
_MEMBER_STALE_ADJUST_NS = 8
_ADVICE_BYTES = 128
_ADVICE_BREAKER_UNTIL_MONO_NS = 0
_ADVICE_PAUSE_UNTIL_MONO_NS = 8
_ADVICE_REDUCE_UNTIL_MONO_NS = 16
_ADVICE_FALLBACK_UNTIL_MONO_NS = 24
_ADVICE_RECONNECT_UNTIL_MONO_NS = 32
_ADVICE_BREAKER_SERIAL = 40
_ADVICE_PAUSE_SERIAL = 48
_ADVICE_REDUCE_SERIAL = 56
_ADVICE_FALLBACK_SERIAL = 64
_ADVICE_RECONNECT_SERIAL = 72

_SECTION_STREAMS = 0
_SECTION_LEASES = 1
_SECTION_DETAILS = 2
_SECTION_CONNECTIONS = 3
_SECTION_GATES = 4
_SECTION_GATE_MEMBERS = 5
_SECTION_FAULTS = 6
_SECTION_EVENTS = 7
_SECTION_COUNTERS = 8
_SECTION_ERRORS = 9
_SECTION_HISTOGRAMS = 10
_SECTION_ADVICE = 11
_SECTION_CONNECTION_HISTOGRAMS = 12
_SECTION_GATE_ADVICE = 13
_RECORD_BYTES = (
    128,  # STREAMS
    128,  # LEASES
    256,  # DETAILS
    256,  # CONNECTIONS
    128,  # GATES
    16,  # GATE_MEMBERS
    256,  # FAULTS
    64,  # EVENTS
    64,  # COUNTERS
    128,  # ERRORS
    32,  # HISTOGRAMS
    384,  # ADVICE
    32,  # CONNECTION_HISTOGRAMS
    128,  # GATE_ADVICE
)


class Why(_Meant):
    """Why a stream or a gate is, or is not, fresh."""

    FRESH = (0, "fresh")
    UNKNOWN = (1, "no data yet")
    LAPSED = (2, "lapsed: no newer data in time")
    REVOKED = (3, "revoked by a fault")
    SENTINEL_DEAD = (4, "the sentinel is dead or stalled")
    SUPERSEDED = (5, "superseded: attach again")
    ABSURD = (6, "absurd value in the segment")
    EMPTY_GATE = (7, "the gate has no members")
    UNKNOWN_NAME = (8, "no such stream or gate")
    LAPSED_QUIET = (9, "lapsed, but its connection delivers and nothing is owed")
    LAPSED_SUSPECT = (10, "lapsed, and suspect")
    BREAKER = (11, "the breaker is open")
    PAUSED = (12, "paused by an operator or a calendar")
    ENGINE_UNPROVEN = (13, "needs the engine's own echo, and none is bound")
    ENGINE_BEHIND = (14, "the engine itself is behind the sentinel")


class Advice(_Meant):
    """What operators and calendars ask of the engine."""

    BREAKER = (0, "breaker")
    PAUSE = (1, "pause")
    REDUCE = (2, "reduce")
    FALLBACK = (3, "fallback")
    RECONNECT = (4, "reconnect")


class State(_Meant):
    """What the sentinel last said of itself."""

    STARTING = (0, "starting")
    RUNNING = (1, "running")
    STOPPED = (2, "stopped")
    SUPERSEDED = (3, "superseded")


class Code(_Meant):
    """What an Error is about."""

    NO_FILE = (1, "no segment of this name: is flatlined running?")
    NOT_READY = (2, "the segment is still being built")
    BAD_MAGIC = (3, "not a flatline segment")
    OTHER_MAJOR = (4, "the segment has another major version than this reader")
    TRUNCATED = (5, "the segment is shorter than its header says")
    CORRUPT = (6, "the segment's directory does not add up")
    CLOCK_MISMATCH = (7, "the sentinel's clock is not this process's clock (time namespace?)")
    SENTINEL_DEAD = (8, "the sentinel is dead or stalled")
    SUPERSEDED = (9, "a newer segment stands under this name")
    UNKNOWN_NAME = (10, "no such stream or gate")
    AGAIN = (11, "torn by a concurrent write too many times; try again")
    NO_MEMORY = (12, "out of memory")
    PERMISSION = (13, "no permission to read the segment")
    SYSTEM = (14, "a system call failed; see errno")
    INVALID = (15, "invalid argument")
    IN_USE = (16, "a live engine writes the file of this name")


class Fault(enum.IntEnum):
    """A kind of fault."""

    NONE = 0
    DOWN = 1
    NOTICE = 2
    NEVER_STARTED = 3
    WRONG_ROUTE = 4
    GAP = 5
    REGRESSED = 6
    FROZEN = 7
    LAGGING = 8
    SILENT = 9
    KEY_EXPIRING = 10
    KEY_EXPIRED = 11
    KEY_UNKNOWN = 12
    SELF_STALL = 13
    MUTE = 14
    CROSSED = 15
    HALF_OPEN = 16
    BACKLOG = 17
    ENGINE_BEHIND = 18
    ENGINE_MUTE = 19
    ENGINE_STALLED = 20
    ENGINE_GONE = 21
    REPORT_OVERDUE = 22
    ENGINE_QUOTING = 23
    MAINTENANCE = 24
    HALTED = 25


_LEASE_FIELDS = (
    "lease_until_mono_ns",
    "due_id",
    "lost_count",
    "quiet_until_mono_ns",
    "revoked_by",
)
_DETAIL_FIELDS = (
    "sequence",
    "last_recv_mono_ns",
    "last_newer_mono_ns",
    "last_exch_wall_ns",
    "frontier_id",
    "bid_e8",
    "ask_e8",
    "excess_lag_ns",
    "frames",
    "gaps",
    "resets",
    "regressed",
    "repeated",
    "absurd",
    "lapses",
    "lapsed_ns",
    "legs",
    "legs_up",
    "open_faults",
    "lapsed_since_mono_ns",
    "unproven",
)
_DETAIL_SIGNED = (3, 5, 6)
# ---- made by bindings/generate.py from docs/layout.json: end ----

_ALIVE_UNTIL = _HEADER_ALIVE_UNTIL_MONO_NS // 8
_STATE = _HEADER_STATE // 8

Lease = collections.namedtuple("Lease", _LEASE_FIELDS)
Detail = collections.namedtuple("Detail", _DETAIL_FIELDS)
Snapshot = collections.namedtuple("Snapshot", "detail lease")
_Member = collections.namedtuple("_Member", "lease adjust_ns stream")

_GATE_BOTH = 1  # FLATLINE_GATE_BOTH: fresh only for an engine that has what the sentinel has


class Error(Exception):
    """What attach() and snapshot() can fail with; `code` is one of Code."""

    def __init__(self, code, where=None):
        super().__init__(code.meaning if where is None else f"{where}: {code.meaning}")
        self.code = code


class UnknownName(Error, LookupError):
    """No stream or gate of that name; `nearest` is one that may have been meant, or None."""

    def __init__(self, name, nearest):
        where = name if nearest is None else f"{name} (nearest: {nearest})"
        super().__init__(Code.UNKNOWN_NAME, where)
        self.name = name
        self.nearest = nearest


# ---- the mapping, and what was checked of it --------------------------------


class _View:
    """One mapping of one file. Places and names are private copies, checked once: nothing read
    later from the live file is ever used as an index."""

    def __init__(self, fd, status):
        if status.st_size < _HEADER_BYTES:
            raise Error(_code_of_short_file(os.pread(fd, 16, 0)))
        self.identity = (status.st_dev, status.st_ino)
        self._bytes = status.st_size
        try:
            self._map = mmap.mmap(fd, status.st_size, mmap.MAP_SHARED, mmap.PROT_READ)
        except ValueError:  # shortened since
            raise Error(Code.TRUNCATED) from None
        with memoryview(self._map) as whole:
            self.words = whole[:status.st_size // 8 * 8].cast("Q")
        try:
            self._check_header()
            self._sections = [self._section_of(i) for i in range(len(_RECORD_BYTES))]
            self._check_counts()
            self.streams = self._names_of(_SECTION_STREAMS)
            self.gates = self._names_of(_SECTION_GATES)
            self.members = [self._members_of(i) for i in range(len(self.gates))]
            self.both = [self.words[(self.place(_SECTION_GATES, i) + _GATE_FLAGS) // 8] & _GATE_BOTH != 0
                         for i in range(len(self.gates))]
        except Error:
            self.close()
            raise

    def close(self):
        self.words.release()
        self._map.close()

    def u32(self, at):
        """The 32-bit half of a word; the word itself is loaded whole."""
        return self.words[at // 8] >> at % 8 * 8 & 0xffffffff

    def place(self, section, index):
        """Byte offset of a record that the caller knows to be there."""
        offset, stride, _ = self._sections[section]
        return offset + stride * index

    def is_superseded(self):
        return self.words[_STATE] == State.SUPERSEDED

    def is_over(self):
        """Superseded, and its last promise has run out; until then its judge judges in it."""
        return self.is_superseded() and not self.is_alive(monotonic_ns())

    def is_alive(self, now_ns):
        return 0 < self.words[_ALIVE_UNTIL] - now_ns <= _ALIVE_ABSURD_NS

    def slot(self, at, count):
        """A consistent copy of a slot's words."""
        first = at // 8
        for _ in range(_SLOT_TRIES):
            before = self.words[first]
            if before & 1 == 0:
                copy = self.words[first:first + count].tolist()
                if copy[0] == before == self.words[first]:
                    return copy
        raise Error(Code.AGAIN if self.is_alive(monotonic_ns()) else Code.SENTINEL_DEAD)

    def _check_header(self):
        words = self.words
        found = words[_HEADER_MAGIC // 8]
        if found != MAGIC:
            raise Error(Code.BAD_MAGIC if found else Code.NOT_READY)
        if self.u32(_HEADER_MAJOR) != MAJOR:
            raise Error(Code.OTHER_MAJOR)
        file_bytes = words[_HEADER_FILE_BYTES // 8]
        if file_bytes > self._bytes:
            raise Error(Code.TRUNCATED)
        is_ours = self.u32(_HEADER_MINOR) == MINOR
        is_known = words[_HEADER_LAYOUT_HASH // 8] == LAYOUT_HASH
        if file_bytes < _HEADER_BYTES or is_ours and not is_known:
            raise Error(Code.CORRUPT)
        if words[_STATE] == State.STARTING:
            raise Error(Code.NOT_READY)
        if words[_STATE] == State.SUPERSEDED:
            raise Error(Code.SUPERSEDED)
        horizon = monotonic_ns() + _CLOCK_MISMATCH_NS
        beat, created = words[_HEADER_JUDGE_BEAT_MONO_NS // 8], words[_HEADER_CREATED_MONO_NS // 8]
        if beat > horizon or created > horizon:
            raise Error(Code.CLOCK_MISMATCH)

    def _section_of(self, index):
        """(offset, stride, count) of a section that lies inside the file."""
        at = _HEADER_SECTIONS + _PLACE_BYTES * index
        offset = self.words[(at + _PLACE_OFFSET_BYTES) // 8]
        stride, count = self.u32(at + _PLACE_STRIDE_BYTES), self.u32(at + _PLACE_COUNT)
        if (offset % 8 or stride % 8 or stride < _RECORD_BYTES[index] or count > _RECORDS_MAX
                or offset < _HEADER_BYTES or offset + stride * count > self._bytes):
            raise Error(Code.CORRUPT)
        return offset, stride, count

    def _check_counts(self):
        by_stream = (_SECTION_STREAMS, _SECTION_LEASES, _SECTION_DETAILS)
        by_gate = (_SECTION_GATES, _SECTION_GATE_ADVICE)
        for sections in (by_stream, by_gate):
            if len({self._sections[section][2] for section in sections}) != 1:
                raise Error(Code.CORRUPT)

    def _names_of(self, section):
        return [self._name_at(self.place(section, i)) for i in range(self._sections[section][2])]

    def _name_at(self, at):
        """The name that leads a record: ends in its field, holds nothing a terminal would obey."""
        words = self.words[at // 8:(at + _NAME_BYTES) // 8].tolist()
        field = b"".join(word.to_bytes(8, "little") for word in words)
        name, end, _ = field.partition(b"\0")
        if not name or not end or min(name) < 0x20 or 0x7f in name:
            raise Error(Code.CORRUPT)
        return os.fsdecode(name)

    def _members_of(self, gate):
        at = self.place(_SECTION_GATES, gate)
        first, count = self.u32(at + _GATE_FIRST_MEMBER), self.u32(at + _GATE_MEMBER_COUNT)
        if first + count > self._sections[_SECTION_GATE_MEMBERS][2]:
            raise Error(Code.CORRUPT)
        places = (self.place(_SECTION_GATE_MEMBERS, first + i) for i in range(count))
        return tuple(self._member_at(place) for place in places)

    def _member_at(self, at):
        stream = self.u32(at + _MEMBER_STREAM)
        if stream >= len(self.streams):
            raise Error(Code.CORRUPT)
        adjust_ns = _signed(self.words[(at + _MEMBER_STALE_ADJUST_NS) // 8])
        return _Member(self.place(_SECTION_LEASES, stream) // 8, adjust_ns, self.streams[stream])


def _signed(word):
    return word - (word >> 63 << 64)


def _code_of_short_file(head):
    """A file too short for a header is told apart by as much of it as there is."""
    found = int.from_bytes(head[:8], "little")
    if len(head) >= 8 and found not in (0, MAGIC):
        return Code.BAD_MAGIC
    is_other = len(head) == 16 and found == MAGIC and int.from_bytes(head[8:12], "little") != MAJOR
    return Code.OTHER_MAJOR if is_other else Code.TRUNCATED


def _code_of_errno(number):
    if number in (errno.ENOENT, errno.ENOTDIR):
        return Code.NO_FILE
    if number in (errno.EACCES, errno.EPERM):
        return Code.PERMISSION
    return Code.NO_MEMORY if number == errno.ENOMEM else Code.SYSTEM


def _view_of(path, current=None):
    """Opens, maps and checks the file; None if it is the current one. Never creates anything."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise Error(Code.BAD_MAGIC)
            if current is not None and current.identity == (status.st_dev, status.st_ino):
                return None
            return _View(fd, status)
        finally:
            os.close(fd)
    except OSError as failure:
        raise Error(_code_of_errno(failure.errno)) from failure


# ---- the reader -------------------------------------------------------------


def attach(name=None):
    """A Reader of a segment: `name` in /dev/shm ("flatline" if None), or a path if it has a slash.

    A dead sentinel is no error here: nothing in its segment is fresh. Raises Error.
    """
    return Reader(name)


class Reader:
    """One attachment. Close it, or use it as a context manager; its handles die with it."""

    def __init__(self, name=None):
        chosen = DEFAULT_NAME if name is None else os.fspath(name)
        self.path = chosen if "/" in chosen else f"{DEFAULT_DIRECTORY}/{chosen}"
        if not chosen or "\0" in chosen or len(os.fsencode(self.path)) >= _PATH_MAX:
            raise Error(Code.INVALID)
        self._lock = threading.Lock()
        try:
            self._view = self._first_view()
        except Error as error:
            raise Error(error.code, self.path) from error.__cause__
        self._older = []

    def _first_view(self):
        try:
            return _view_of(self.path)
        except Error as error:
            if error.code is not Code.SUPERSEDED:
                raise
            return _view_of(self.path)  # renamed between our open and our look

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Unmaps all this reader ever mapped. Looking through its handles is a ValueError then."""
        for view in (*self._older, self._view):
            view.close()

    def reattach(self):
        """Maps what stands under the name now, if the segment is dead or superseded and that is
        another. Handles stay where they were; look() moves them. True: attached anew."""
        with self._lock:
            if not self._view.is_superseded() and self._view.is_alive(monotonic_ns()):
                return False
            view = _view_of(self.path, self._view)
            if view is None:
                return False
            self._older.append(self._view)
            self._view = view
            return True

    def stream(self, name):
        """The stream of this full name, "venue/SYMBOL/channel". Raises UnknownName."""
        return Stream(self, name)

    def gate(self, name):
        """The gate of this name. Raises UnknownName."""
        return Gate(self, name)

    @property
    def streams(self):
        """All stream names."""
        return tuple(self._view.streams)

    @property
    def gates(self):
        """All gate names."""
        return tuple(self._view.gates)

    @property
    def epoch(self):
        """Which life of the sentinel this is."""
        return self._view.words[_HEADER_EPOCH // 8]

    def alive(self, now_ns=None):
        """Is the sentinel's own promise still running?"""
        return self._view.is_alive(monotonic_ns() if now_ns is None else now_ns)

    def nearest(self, name):
        """The stream or gate name nearest to what was asked for; None if nothing is near."""
        return _nearest(name, (*self._view.streams, *self._view.gates))


class _Handle:
    """What Stream and Gate share: a name, a place in a view, a second look."""

    __slots__ = ("name", "_reader", "_at", "_home")

    def __init__(self, reader, name):
        self.name = name
        self._reader = reader
        self._settle(reader._view)

    def look(self, now_ns=None):
        """As fresh(), with a second look: if the sentinel is dead or superseded, attaches again by
        name, finds the name there, and looks again. What an engine should ask before it acts."""
        now = monotonic_ns() if now_ns is None else now_ns
        if self.fresh(now):
            return True
        view = self._home[0]
        if view.is_alive(now) and not view.is_superseded():
            return False
        try:
            self._reader.reattach()
            if view is self._reader._view:
                return False
            self._settle(self._reader._view)
        except Error:
            return False  # still on the old mapping: not fresh
        return self.fresh()

    def _index_in(self, names):
        try:
            return names.index(self.name)
        except ValueError:
            raise UnknownName(self.name, self._reader.nearest(self.name)) from None


class Stream(_Handle):
    """One channel of one instrument."""

    __slots__ = ()

    def _settle(self, view):
        index = self._index_in(view.streams)
        self._home = view, index
        self._at = view.words, view.place(_SECTION_LEASES, index) // 8

    def fresh(self, now_ns=None):
        """May this stream be trusted? Two loads, two compares."""
        words, lease = self._at
        now = monotonic_ns() if now_ns is None else now_ns
        return (0 < words[lease] - now <= _LEASE_ABSURD_NS
                and 0 < words[_ALIVE_UNTIL] - now <= _ALIVE_ABSURD_NS)

    @property
    def due_id(self):
        """The newest id of this stream that you, too, should have seen by now; 0 = none yet."""
        words, lease = self._at
        return words[lease + _LEASE_DUE_ID // 8]

    def own_fresh(self, last_id, now_ns=None):
        """Fresh, and your own newest id of this stream is not behind: the sentinel's connections
        may live while yours is dead."""
        return self.fresh(now_ns) and last_id >= self.due_id

    def why(self, now_ns=None):
        """Why it is as it is. Why.FRESH only if fresh()."""
        words, lease = self._at
        now = monotonic_ns() if now_ns is None else now_ns
        why = _why_header(words, now)
        return why if why is not Why.FRESH else _why_lease(words, lease, 0, now)

    @property
    def revoked_by(self):
        """The Fault that took the lease away; Fault.NONE while it has one, or never had. A number
        where the sentinel is newer than this file and knows more faults."""
        words, lease = self._at
        number = words[lease + _LEASE_REVOKED_BY // 8] if words[lease] == 0 else 0
        return Fault(number) if number in Fault._value2member_map_ else number

    def snapshot(self):
        """A consistent copy of the stream's evidence, and its lease words. Raises Error: AGAIN
        (torn too many times), SENTINEL_DEAD (torn for ever), SUPERSEDED (attach again)."""
        view, index = self._home
        if view.is_over():
            raise Error(Code.SUPERSEDED, self.name)
        detail = view.slot(view.place(_SECTION_DETAILS, index), len(_DETAIL_FIELDS))
        for i in _DETAIL_SIGNED:
            detail[i] = _signed(detail[i])
        words, lease = self._at
        return Snapshot(Detail(*detail), Lease(*words[lease:lease + len(_LEASE_FIELDS)]))


class Gate(_Handle):
    """The streams one decision needs: fresh while all of them are."""

    __slots__ = ("_own_id",)

    def __init__(self, reader, name):
        self._own_id = None
        super().__init__(reader, name)

    def bind(self, own_id):
        """Holds the gate against the engine's own ids, where it requires both (`require: both` in the
        sentinel's configuration): own_id(stream name) is the newest id that the engine itself has
        applied, 0 = none. Such a gate that is not bound is never fresh."""
        self._own_id = own_id

    def _behind(self, words, members):
        """The first member whose due id the engine has not reached, or None."""
        return next((member for member in members
                     if self._own_id(member.stream) < words[member.lease + _LEASE_DUE_ID // 8]), None)

    def _has_own(self, words, members):
        return self._own_id is not None and self._behind(words, members) is None

    def _settle(self, view):
        index = self._index_in(view.gates)
        self._home = view, index
        advice = view.place(_SECTION_GATE_ADVICE, index) // 8
        # one step: others may be looking
        self._at = view.words, view.members[index], advice, view.both[index]

    def fresh(self, now_ns=None):
        """Is every stream of the gate fresh, and has the engine it all where the gate requires both?
        A gate without streams never is."""
        words, members, _, both = self._at
        return (self._fresh_at(words, members, monotonic_ns() if now_ns is None else now_ns)
                and (not both or self._has_own(words, members)))

    @staticmethod
    def _fresh_at(words, members, now):
        if not members or not 0 < words[_ALIVE_UNTIL] - now <= _ALIVE_ABSURD_NS:
            return False
        for lease, adjust_ns, _ in members:
            until = words[lease]
            if until == 0 or not 0 < until + adjust_ns - now <= _LEASE_ABSURD_NS:
                return False
        return True

    def why(self, now_ns=None):
        """Why it is as it is. Why.FRESH only if fresh()."""
        return self._trouble(now_ns)[0]

    def may_quote(self, now_ns=None):
        """May the engine quote: fresh, the breaker closed, not paused?"""
        words, _, line, _ = self._at
        now = monotonic_ns() if now_ns is None else now_ns
        return (self.fresh(now) and words[line + _ADVICE_BREAKER_UNTIL_MONO_NS // 8] <= now
                and words[line + _ADVICE_PAUSE_UNTIL_MONO_NS // 8] <= now)

    def look_quote(self):
        """As may_quote(), with a second look, as look()."""
        return self.look() and self.may_quote()

    def quote_why(self, now_ns=None):
        """Why the engine may not quote. Why.FRESH only if may_quote()."""
        now = monotonic_ns() if now_ns is None else now_ns
        why = _why_header(self._at[0], now)
        if why is not Why.FRESH:
            return why
        if self.advised(Advice.BREAKER, now):
            return Why.BREAKER
        return Why.PAUSED if self.advised(Advice.PAUSE, now) else self.why(now)

    def advised(self, kind, now_ns=None):
        """Is the engine asked to do this? An advice ends by time alone."""
        words, _, line, _ = self._at
        now = monotonic_ns() if now_ns is None else now_ns
        return words[line + _ADVICE_BREAKER_UNTIL_MONO_NS // 8 + Advice(kind)] > now

    def advice_serial(self, kind):
        """The newest advice of a kind that is for this gate, 0 = none: what tells a reconnect from
        the one that was made already."""
        words, _, line, _ = self._at
        return words[line + _ADVICE_BREAKER_SERIAL // 8 + Advice(kind)]

    def culprit(self, now_ns=None):
        """Name of the stream in the worst trouble (the first, where the whole segment is); None of
        a fresh gate and of an empty one."""
        why, stream = self._trouble(now_ns)
        return None if why is Why.FRESH else stream

    def _trouble(self, now_ns):
        words, members, _, both = self._at
        now = monotonic_ns() if now_ns is None else now_ns
        why = _why_header(words, now)
        if not members:
            return Why.EMPTY_GATE if why is Why.FRESH else why, None
        if why is not Why.FRESH:
            return why, members[0].stream
        troubles = [(_why_lease(words, member.lease, member.adjust_ns, now), member.stream)
                    for member in members]
        worst = max(troubles, key=lambda trouble: _WHY_WEIGHT.get(trouble[0], 2))
        if worst[0] is not Why.FRESH or not both or self._has_own(words, members):
            return worst
        if self._own_id is None:
            return Why.ENGINE_UNPROVEN, members[0].stream
        behind = self._behind(words, members)
        return (Why.FRESH, worst[1]) if behind is None else (Why.ENGINE_BEHIND, behind.stream)


# ---- why --------------------------------------------------------------------

# Of several culprits, the one whose trouble is worst; what is not listed weighs 2.
_WHY_WEIGHT = {Why.FRESH: 0, Why.UNKNOWN: 1, Why.REVOKED: 3, Why.ABSURD: 4}


def _why_header(words, now):
    """Of the segment as a whole; FRESH: nothing wrong with it."""
    left_ns = words[_ALIVE_UNTIL] - now
    if 0 < left_ns <= _ALIVE_ABSURD_NS:
        return Why.FRESH  # of a superseded one too, until its last promise has run out
    if words[_STATE] == State.SUPERSEDED:
        return Why.SUPERSEDED
    return Why.ABSURD if left_ns > 0 else Why.SENTINEL_DEAD


def _why_lease(words, lease, adjust_ns, now):
    granted = words[lease]
    if granted == 0:  # its reason was stored before it
        return Why.REVOKED if words[lease + _LEASE_REVOKED_BY // 8] else Why.UNKNOWN
    if 0 < granted + adjust_ns - now <= _LEASE_ABSURD_NS:
        return Why.FRESH
    return Why.ABSURD if granted - now > _LEASE_ABSURD_NS else Why.LAPSED


# ---- the nearest name -------------------------------------------------------


def _edits(asked, name):
    """Edits from one name to another, case apart."""
    row = list(range(len(name) + 1))
    for i, byte in enumerate(asked, 1):
        diagonal, row[0] = row[0], i
        for k, other in enumerate(name, 1):
            changed = diagonal + (byte != other)
            diagonal = row[k]
            row[k] = min(row[k] + 1, row[k - 1] + 1, changed)
    return row[-1]


def _nearest(asked, names):
    """A name that holds all that was asked for is one edit away; near is a third wrong."""
    wanted = os.fsencode(asked)
    if not 0 < len(wanted) < _NAME_BYTES:
        return None
    nearest, least = None, 2 + len(wanted) // 3
    for name in names:
        candidate = os.fsencode(name)
        edits = 1 if wanted in candidate else _edits(wanted.lower(), candidate.lower())
        if edits < least:
            nearest, least = name, edits
    return nearest
