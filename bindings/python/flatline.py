# SPDX-License-Identifier: MIT
"""May I quote? Reads what flatline publishes, and tells what the engine sees, from Python: one file, the
standard library alone.

    import flatline

    gate = flatline.attach().gate("okx/BTC-USDT")
    with flatline.engine("mm1") as engine, engine.worker("quoter", 0.1) as quoter:
        while gate.look():
            quoter.beat()
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
promise, which a snapshot leans on; a look does not. docs/SHARED-MEMORY.md is the format. The engine's
own file (class Engine, docs/ENGINE.md) is written in the same way, word by word.
"""
import collections
import contextlib
import enum
import errno
import mmap
import os
import re
import stat
import threading
import time

__all__ = ["attach", "Reader", "Stream", "Gate", "Snapshot", "Detail", "Lease",
           "Advice", "Error", "UnknownName", "Code", "Why", "State", "Fault", "monotonic_ns",
           "engine", "Engine", "EngineStream", "Worker", "WorkerState", "Instrument", "Counter", "Gauge",
           "Latency", "Orders", "Key", "EngineGate", "EngineAdvice", "fingerprint"]

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


# ---- made by bindings/generate.py from docs/layout.json and docs/engine_layout.json: begin ----
MAGIC = 0x454e494c54414c46
MAJOR = 1
MINOR = 0
LAYOUT_HASH = 0x4eed9378197a34fb
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
_MEMBER_QUIET_HOLD_MS = 4
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
    "silence_provable_ns",
    "rest_seen_mono_ns",
    "rest_moved_mono_ns",
    "book_debt",
    "book_debt_waits",
    "book_allowance_ns",
)
_DETAIL_SIGNED = (3, 5, 6)

# An engine's file: docs/ENGINE.md. Places are in words of 64 bits from the start of their record.
_ENGINE_MAGIC = 0x454e49474e454c46
_ENGINE_MAJOR = 1
_ENGINE_MINOR = 0
_ENGINE_LAYOUT_HASH = 0x26a0d83402703531
_ENGINE_INFIX = ".engine."
_ENGINE_PAIRS = 64
_ENGINE_SLOTS_MAX = 1024
_ENGINE_FILE_MAX_BYTES = 16777216
_ENGINE_INTERVAL_MAX_NS = 3600000000000
_ENGINE_NAME_BYTES = 32
_ENGINE_HEADER_WORDS = 64
_ENGINE_HEADER_MAGIC = 0
_ENGINE_HEADER_MAJOR = 1
_ENGINE_HEADER_MINOR = 2
_ENGINE_HEADER_FILE_BYTES = 3
_ENGINE_HEADER_LAYOUT_HASH = 4
_ENGINE_HEADER_PID = 5
_ENGINE_HEADER_START_TICKS = 6
_ENGINE_HEADER_PID_NAMESPACE = 7
_ENGINE_HEADER_CREATED_MONO_NS = 8
_ENGINE_HEADER_CREATED_WALL_NS = 9
_ENGINE_HEADER_SLOTS_OFFSET = 10
_ENGINE_HEADER_SLOTS_MAX = 11
_ENGINE_HEADER_DATA_OFFSET = 12
_ENGINE_HEADER_NAME = 13
_ENGINE_HEADER_SLOT_COUNT = 32
_ENGINE_HEADER_REFUSED = 33
_ENGINE_HEADER_GOODBYE_MONO_NS = 48
_ENGINE_SLOT_WORDS = 16
_ENGINE_SLOT_NAME = 0
_ENGINE_SLOT_KIND = 8
_ENGINE_SLOT_OFFSET_BYTES = 9
_ENGINE_SLOT_LENGTH_BYTES = 10
_ENGINE_SLOT_PARAMETER = 11
_ENGINE_ECHO_WORDS = 16
_ENGINE_ECHO_LAST_ID = 0
_ENGINE_ECHO_RECV_MONO_NS = 1
_ENGINE_WORKER_WORDS = 32
_ENGINE_WORKER_BEAT_MONO_NS = 0
_ENGINE_WORKER_STATE = 1
_ENGINE_WORKER_RESTARTS = 2
_ENGINE_WORKER_ERRORS = 3
_ENGINE_WORKER_CHANGED_MONO_NS = 4
_ENGINE_WORKER_ERROR_TEXT = 16
_ENGINE_INSTRUMENT_WORDS = 16
_ENGINE_INSTRUMENT_BID_E8 = 0
_ENGINE_INSTRUMENT_ASK_E8 = 1
_ENGINE_INSTRUMENT_QUOTED_MONO_NS = 2
_ENGINE_INSTRUMENT_ACTION_MONO_NS = 3
_ENGINE_INSTRUMENT_ACTIVE_ORDERS = 4
_ENGINE_INSTRUMENT_POSITION_E8 = 5
_ENGINE_INSTRUMENT_PNL_E8 = 6
_ENGINE_NUMBER_WORDS = 16
_ENGINE_NUMBER_VALUE = 0
_ENGINE_NUMBER_SET_MONO_NS = 1
_ENGINE_LATENCY_WORDS = 16
_ENGINE_LATENCY_TOTAL = 0
_ENGINE_LATENCY_MAX_NS = 1
_ENGINE_LATENCY_UNIT_NS = 2
_ENGINE_LATENCY_SUB_BUCKET_BITS = 3
_ENGINE_LATENCY_BUCKET_COUNT = 4
_ENGINE_ORDERS_WORDS = 144
_ENGINE_ORDERS_SENT_COUNT = 0
_ENGINE_ORDERS_SENT_MONO_NS = 16
_ENGINE_ORDERS_SEEN_MONO_NS = 80
_ENGINE_KEY_WORDS = 16
_ENGINE_KEY_EXTENDED_MONO_NS = 0
_ENGINE_KEY_FAILURES = 1
_ENGINE_KEY_FINGERPRINT = 2
_ENGINE_KEY_PROVEN_MONO_NS = 3
_ENGINE_GATE_WORDS = 16
_ENGINE_GATE_QUOTING = 0
_ENGINE_GATE_SEEN_CLOSED_MONO_NS = 1
_ENGINE_GATE_PULLED_MONO_NS = 2
_ENGINE_GATE_SEEN_OPEN_MONO_NS = 3
_ENGINE_ADVICE_WORDS = 16
_ENGINE_ADVICE_SEQUENCE = 0
_ENGINE_ADVICE_ACKNOWLEDGED_MONO_NS = 1
_KIND_NONE = 0
_KIND_STREAM = 1
_KIND_WORKER = 2
_KIND_INSTRUMENT = 3
_KIND_COUNTER = 4
_KIND_GAUGE = 5
_KIND_LATENCY = 6
_KIND_ORDERS = 7
_KIND_KEY = 8
_KIND_GATE = 9
_KIND_ADVICE = 10


class WorkerState(enum.IntEnum):
    """What a worker last said of itself."""

    IDLE = 0
    RUNNING = 1
    EXITED = 2
    PANICKED = 3
# ---- made by bindings/generate.py: end ----

_ALIVE_UNTIL = _HEADER_ALIVE_UNTIL_MONO_NS // 8
_STATE = _HEADER_STATE // 8

Lease = collections.namedtuple("Lease", _LEASE_FIELDS)
Detail = collections.namedtuple("Detail", _DETAIL_FIELDS)
Snapshot = collections.namedtuple("Snapshot", "detail lease")
_Member = collections.namedtuple("_Member", "lease adjust_ns stream hold_ns")

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
        hold_ns = self.u32(at + _MEMBER_QUIET_HOLD_MS) * 10**6
        return _Member(self.place(_SECTION_LEASES, stream) // 8, adjust_ns, self.streams[stream], hold_ns)


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
        return why if why is not Why.FRESH else _why_lease(words, lease, 0, 0, now)

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

    __slots__ = ("_own_id", "_look")

    def __init__(self, reader, name):
        self._own_id = None
        super().__init__(reader, name)

    @property
    def streams(self):
        """The names of its streams."""
        return tuple(member.stream for member in self._at[1])

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
        members = view.members[index]
        # one step each, and each whole in itself: others may be looking. Plain tuples unpack twice as fast
        self._at = view.words, members, advice, view.both[index]
        self._look = (view.words, view.both[index],
                      tuple((member.lease, member.adjust_ns, member.hold_ns) for member in members))

    def fresh(self, now_ns=None):
        """Is every stream of the gate fresh, and has the engine it all where the gate requires both?
        A gate without streams never is."""
        words, both, places = self._look
        now = monotonic_ns() if now_ns is None else now_ns
        if not 0 < words[_ALIVE_UNTIL] - now <= _ALIVE_ABSURD_NS:
            return False
        for lease, adjust_ns, hold_ns in places:
            until = words[lease]
            if until == 0:
                return False
            left_ns = until + adjust_ns - now
            if not 0 < left_ns <= _LEASE_ABSURD_NS and not _is_held(words, lease, hold_ns, left_ns, now):
                return False
        return places != () and (not both or self._has_own(words, self._at[1]))

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
        troubles = [(_why_lease(words, member.lease, member.adjust_ns, member.hold_ns, now), member.stream)
                    for member in members]
        worst = max(troubles, key=lambda trouble: _WHY_WEIGHT.get(trouble[0], 3))
        if worst[0] is not Why.FRESH or not both or self._has_own(words, members):
            return worst
        if self._own_id is None:
            return Why.ENGINE_UNPROVEN, members[0].stream
        behind = self._behind(words, members)
        return (Why.FRESH, worst[1]) if behind is None else (Why.ENGINE_BEHIND, behind.stream)


# ---- why --------------------------------------------------------------------

# Of several culprits, the one whose trouble is worst; what is not listed weighs 3.
_WHY_WEIGHT = {Why.FRESH: 0, Why.UNKNOWN: 1, Why.LAPSED_QUIET: 2, Why.LAPSED_SUSPECT: 4,
               Why.REVOKED: 5, Why.ABSURD: 6}


def _is_held(words, lease, hold_ns, left_ns, now):
    """Of a member whose lease, as the gate sees it, has left_ns left: has it lapsed less than the
    gate's quiet_hold ago, and does the sentinel say that the stream is only quiet?"""
    return (0 <= -left_ns < hold_ns and left_ns + now >= 0
            and 0 < words[lease + _LEASE_QUIET_UNTIL_MONO_NS // 8] - now <= _LEASE_ABSURD_NS)


def _why_header(words, now):
    """Of the segment as a whole; FRESH: nothing wrong with it."""
    left_ns = words[_ALIVE_UNTIL] - now
    if 0 < left_ns <= _ALIVE_ABSURD_NS:
        return Why.FRESH  # of a superseded one too, until its last promise has run out
    if words[_STATE] == State.SUPERSEDED:
        return Why.SUPERSEDED
    return Why.ABSURD if left_ns > 0 else Why.SENTINEL_DEAD


def _why_lease(words, lease, adjust_ns, hold_ns, now):
    granted = words[lease]
    if granted == 0:  # its reason was stored before it
        return Why.REVOKED if words[lease + _LEASE_REVOKED_BY // 8] else Why.UNKNOWN
    left_ns = granted + adjust_ns - now
    if 0 < left_ns <= _LEASE_ABSURD_NS or _is_held(words, lease, hold_ns, left_ns, now):
        return Why.FRESH
    if granted - now > _LEASE_ABSURD_NS:
        return Why.ABSURD
    quiet_until = words[lease + _LEASE_QUIET_UNTIL_MONO_NS // 8]
    if quiet_until == 0:
        return Why.LAPSED  # nothing to tell it by
    return Why.LAPSED_QUIET if 0 < quiet_until - now <= _LEASE_ABSURD_NS else Why.LAPSED_SUSPECT


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


# ---- what an engine tells of itself -----------------------------------------

_SLOTS_DEFAULT = 256
_DATA_DEFAULT = 512 << 10
_LINE_BYTES = 128
_LATENCY_BITS = 8  # two digits
_LATENCY_UNIT_NS = 512  # the power of two below 1 us
_LATENCY_MAX_NS = 3600 * 10**9
_ENGINE_NAME = re.compile(r"[A-Za-z0-9_-]+")


def engine(name, segment=None, **options):
    """The Engine of this name, beside the segment: see there."""
    return Engine(name, segment, **options)


class Engine:
    """What an engine tells of itself, in a file of its own beside the sentinel's segment, which need
    not be there yet: it beats, echoes the ids it has applied, counts, says when its quotes were gone.

        with flatline.engine("mm1") as engine, engine.worker("quoter", 0.1) as quoter:
            book = engine.stream("binance-usdm/BTCUSDT/depth@100ms")
            for update in updates:
                quoter.beat()
                book.echo(update["u"], received_ns)

    Leaving the block, or close(), says goodbye and removes the file; leaving it by an exception, or
    abandon(), does neither: who ends without goodbye is ENGINE_GONE, and may be made again.

    name: 1 to 31 of A-Z a-z 0-9 _ -. Options: slots_max (256) and data_bytes (512 KiB), room for
    records; mode (0o640), the sentinel must be able to read; group, a gid the file is given to. Raises
    Error: INVALID, IN_USE (a live process writes the file of this name), PERMISSION, SYSTEM.

    Records are declared by name, from any thread. A declaration that fails still gives a record, one
    that nobody reads, and `error` is the first failure: the engine's facts are never a reason for the
    engine to stop. A record is for one thread at a time; of Orders, who sends and who receives may be
    two. After os.fork() the child must not write: the records are the parent's.
    """

    def __init__(self, name, segment=None, *, slots_max=_SLOTS_DEFAULT, data_bytes=_DATA_DEFAULT, mode=0o640, group=None):
        self.path = _engine_path(name, segment)
        self.error = None
        self._lock = threading.Lock()
        self._known = {}
        self._data_at = _ENGINE_HEADER_WORDS * 8 + slots_max * _ENGINE_SLOT_WORDS * 8
        self._slots_max = slots_max
        self._slots = 0
        size = self._data_at + _line_up(data_bytes)
        if not 0 < slots_max <= _ENGINE_SLOTS_MAX or data_bytes <= 0 or size > _ENGINE_FILE_MAX_BYTES:
            raise Error(Code.INVALID, self.path)
        if _is_in_use(self.path):
            raise Error(Code.IN_USE, self.path)
        try:
            self._words = self._publish(name, size, mode, group)
        except OSError as failure:
            refused = failure.errno in (errno.EACCES, errno.EPERM)
            raise Error(Code.PERMISSION if refused else Code.SYSTEM, self.path) from failure
        self._small_end, self._large_begin = self._data_at, size

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None or not issubclass(kind, Exception):
            self.close()
        else:
            self.abandon()

    def abandon(self):
        """Lets go without goodbye and leaves the file as a crash would, with all that was written last: the engine is
        ENGINE_GONE within milliseconds, though its process may live."""
        words = self._words
        if words[_ENGINE_HEADER_PID] == os.getpid():
            words[_ENGINE_HEADER_START_TICKS] = -1  # no process began then: neither for the sentinel nor for the next engine

    def close(self):
        """Says goodbye and removes the file. What is written to its records afterwards goes nowhere."""
        words = self._words
        if words[_ENGINE_HEADER_PID] != os.getpid():
            return  # a forked child: the file is its parent's
        words[_ENGINE_HEADER_GOODBYE_MONO_NS] = monotonic_ns()
        ours = (_ENGINE_HEADER_PID, _ENGINE_HEADER_CREATED_MONO_NS)
        named = _engine_header(self.path)
        if named is not None and all(named[at] == words[at] for at in ours):
            os.unlink(self.path)

    def stream(self, name):
        """The EngineStream of a stream, by its full name as the sentinel calls it."""
        return EngineStream(self._declare(_KIND_STREAM, name, _ENGINE_ECHO_WORDS))

    def own_id(self, stream):
        """The newest id echoed of a stream, for Gate.bind(): gate.bind(engine.own_id)."""
        at = self._known.get((_KIND_STREAM, stream))
        return self.stream(stream).last_id if at is None else self._words[at // 8 + _ENGINE_ECHO_LAST_ID]

    def worker(self, name, interval):
        """A Worker that promises to beat at least once each interval, in seconds, an hour at most."""
        interval_ns = round(interval * 1e9)
        is_sane = 0 < interval_ns <= _ENGINE_INTERVAL_MAX_NS
        return Worker(self._declare(_KIND_WORKER, name, _ENGINE_WORKER_WORDS, interval_ns, is_sane))

    def instrument(self, name):
        """The Instrument of this name."""
        return Instrument(self._declare(_KIND_INSTRUMENT, name, _ENGINE_INSTRUMENT_WORDS))

    def counter(self, name):
        """A Counter: a number that only grows."""
        return Counter(self._declare(_KIND_COUNTER, name, _ENGINE_NUMBER_WORDS))

    def gauge(self, name):
        """A Gauge: a number that comes and goes."""
        return Gauge(self._declare(_KIND_GAUGE, name, _ENGINE_NUMBER_WORDS))

    def latency(self, name, longest):
        """A Latency up to `longest`, in seconds (beyond: its last bucket); an hour at most."""
        max_ns = round(longest * 1e9)
        is_sane = _LATENCY_UNIT_NS <= max_ns <= _LATENCY_MAX_NS
        buckets = _latency_bucket(max_ns) + 1 if is_sane else 1
        return Latency(self._declare(_KIND_LATENCY, name, _ENGINE_LATENCY_WORDS + buckets, max_ns, is_sane))

    def orders(self, name):
        """Orders: the pairs of orders sent and reports seen."""
        return Orders(self._declare(_KIND_ORDERS, name, _ENGINE_ORDERS_WORDS))

    def key(self, name):
        """The Key of an account, by the full name of its stream."""
        return Key(self._declare(_KIND_KEY, name, _ENGINE_KEY_WORDS))

    def gate(self, name):
        """The EngineGate of a gate, by its name."""
        return EngineGate(self._declare(_KIND_GATE, name, _ENGINE_GATE_WORDS))

    def advice(self, name):
        """The EngineAdvice of an advice word, by its name."""
        return EngineAdvice(self._declare(_KIND_ADVICE, name, _ENGINE_ADVICE_WORDS))

    def _publish(self, name, size, mode, group):
        """Builds the file under a temporary name, magic last, and renames it into place."""
        temporary = f"{self.path}.{os.getpid()}.tmp"
        try:
            words = _map_new(temporary, size, mode, group)
            self._fill_header(words, name, size)
            os.rename(temporary, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        return words

    def _fill_header(self, words, name, size):
        pid = os.getpid()
        fields = {
            _ENGINE_HEADER_MAJOR: _ENGINE_MAJOR, _ENGINE_HEADER_MINOR: _ENGINE_MINOR, _ENGINE_HEADER_FILE_BYTES: size,
            _ENGINE_HEADER_LAYOUT_HASH: _signed(_ENGINE_LAYOUT_HASH), _ENGINE_HEADER_PID: pid,
            _ENGINE_HEADER_START_TICKS: _process_stat(pid)[2], _ENGINE_HEADER_PID_NAMESPACE: _pid_namespace(),
            _ENGINE_HEADER_CREATED_MONO_NS: monotonic_ns(), _ENGINE_HEADER_CREATED_WALL_NS: time.time_ns(),
            _ENGINE_HEADER_SLOTS_OFFSET: _ENGINE_HEADER_WORDS * 8, _ENGINE_HEADER_SLOTS_MAX: self._slots_max,
            _ENGINE_HEADER_DATA_OFFSET: self._data_at,
        }
        for at, value in fields.items():
            words[at] = value
        _store_text(words, _ENGINE_HEADER_NAME, name.encode(), _ENGINE_NAME_BYTES)
        words[_ENGINE_HEADER_MAGIC] = _ENGINE_MAGIC  # last: who finds the magic finds the header

    def _declare(self, kind, name, length, parameter=0, is_sane=True):
        """The words of the record of this kind and name; of one in no file if it cannot be had."""
        encoded = os.fsencode(name)
        is_plain = 0 < len(encoded) < _NAME_BYTES and min(encoded) >= 0x20 and 0x7f not in encoded
        code = None if is_sane and is_plain else Code.INVALID
        with self._lock:
            at = self._known.get((kind, name))
            if code is None and at is None:
                at = self._add_slot(kind, encoded, length, parameter)
                code = Code.NO_MEMORY if at is None else None
            if code is not None:
                self.error = self.error or Error(code, name)
                return memoryview(bytearray(length * 8)).cast("q")
            self._known[kind, name] = at
        return self._words[at // 8:at // 8 + length]

    def _add_slot(self, kind, name, length, parameter):
        """Fills the next slot; where its record is, in bytes, or None: no slot or room left."""
        words, size = self._words, _line_up(length * 8)
        if self._slots >= self._slots_max or self._large_begin - self._small_end < size:
            words[_ENGINE_HEADER_REFUSED] += 1
            return None
        at = self._small_end
        if kind == _KIND_LATENCY:  # short records lie together, to be read in one piece; long ones apart
            at = self._large_begin = self._large_begin - size
            words[at // 8 + _ENGINE_LATENCY_UNIT_NS] = _LATENCY_UNIT_NS
            words[at // 8 + _ENGINE_LATENCY_SUB_BUCKET_BITS] = _LATENCY_BITS
            words[at // 8 + _ENGINE_LATENCY_BUCKET_COUNT] = length - _ENGINE_LATENCY_WORDS
        else:
            self._small_end += size
        slot = _ENGINE_HEADER_WORDS + self._slots * _ENGINE_SLOT_WORDS
        _store_text(words, slot + _ENGINE_SLOT_NAME, name, _NAME_BYTES)
        words[slot + _ENGINE_SLOT_OFFSET_BYTES] = at
        words[slot + _ENGINE_SLOT_LENGTH_BYTES] = size
        words[slot + _ENGINE_SLOT_PARAMETER] = parameter
        words[slot + _ENGINE_SLOT_KIND] = kind  # last: the slot is whole before it counts
        self._slots += 1
        words[_ENGINE_HEADER_SLOT_COUNT] = self._slots
        return at


def fingerprint(key):
    """Tells one listenKey from another, and nothing else of it: FNV-1a."""
    found = 0xcbf29ce484222325
    for byte in os.fsencode(key):
        found = (found ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return found


class _Record:
    """Words of the file, each stored whole. Times default to now."""

    __slots__ = ("_words",)

    def __init__(self, words):
        self._words = words


class EngineStream(_Record):
    """The engine's echo of one stream."""

    __slots__ = ()

    def echo(self, last_id, recv_ns):
        """The newest id applied, and when it was received."""
        words = self._words
        words[_ENGINE_ECHO_RECV_MONO_NS] = recv_ns
        words[_ENGINE_ECHO_LAST_ID] = last_id

    @property
    def last_id(self):
        """The id echoed last; 0 = none yet."""
        return self._words[_ENGINE_ECHO_LAST_ID]


class Worker(_Record):
    """A thread, task or loop that owes beats while it runs. As a context manager it runs from the start
    of the block to its end: an Exception is a panic, anything else an exit in order; after an end the
    next block is a restart."""

    __slots__ = ()

    def __enter__(self):
        ended = self.state in (WorkerState.EXITED, WorkerState.PANICKED)
        self.restart() if ended else self.beat()
        return self

    def __exit__(self, kind, value, _trace):
        if kind is not None and issubclass(kind, Exception):
            self.panic(f"{kind.__name__}: {value}")
        else:
            self.exit()

    def beat(self, now_ns=None):
        """"I am alive", at least once each declared interval; makes an idle worker a running one."""
        words = self._words
        words[_ENGINE_WORKER_BEAT_MONO_NS] = now = monotonic_ns() if now_ns is None else now_ns
        if words[_ENGINE_WORKER_STATE] != 1:  # WorkerState.RUNNING
            words[_ENGINE_WORKER_CHANGED_MONO_NS] = now
            words[_ENGINE_WORKER_STATE] = WorkerState.RUNNING

    def idle(self, now_ns=None):
        """Waits for work and owes no beat until the next one."""
        self._change(WorkerState.IDLE, now_ns)

    def exit(self, now_ns=None):
        """Ends in order."""
        self._change(WorkerState.EXITED, now_ns)

    def restart(self, now_ns=None):
        """Begins again after an end."""
        self._words[_ENGINE_WORKER_RESTARTS] += 1
        self._change(WorkerState.RUNNING, now_ns)

    def error(self, text):
        """Notes an error, cut to 95 bytes; the worker goes on."""
        _store_text(self._words, _ENGINE_WORKER_ERROR_TEXT, os.fsencode(text).partition(b"\0")[0], 96)
        self._words[_ENGINE_WORKER_ERRORS] += 1

    def panic(self, text, now_ns=None):
        """Ends by an error: the fault follows within milliseconds."""
        self.error(text)
        self._change(WorkerState.PANICKED, now_ns)

    @property
    def state(self):
        """The WorkerState it last told."""
        return WorkerState(self._words[_ENGINE_WORKER_STATE])

    def _change(self, state, now_ns):
        words = self._words
        now = monotonic_ns() if now_ns is None else now_ns
        words[_ENGINE_WORKER_BEAT_MONO_NS] = now
        words[_ENGINE_WORKER_CHANGED_MONO_NS] = now
        words[_ENGINE_WORKER_STATE] = state


class Instrument(_Record):
    """What stands in the market for one instrument. Prices, quantities and money are units of 1e-8."""

    __slots__ = ()

    def quote(self, bid_e8, ask_e8, now_ns=None):
        """What stands in the market now; 0 = no quote on that side."""
        words = self._words
        words[_ENGINE_INSTRUMENT_BID_E8] = bid_e8
        words[_ENGINE_INSTRUMENT_ASK_E8] = ask_e8
        words[_ENGINE_INSTRUMENT_QUOTED_MONO_NS] = monotonic_ns() if now_ns is None else now_ns

    def order_action(self, active_orders, now_ns=None):
        """An order was placed, changed or cancelled; how many stand now."""
        words = self._words
        words[_ENGINE_INSTRUMENT_ACTIVE_ORDERS] = active_orders
        words[_ENGINE_INSTRUMENT_ACTION_MONO_NS] = monotonic_ns() if now_ns is None else now_ns

    def position(self, position_e8, pnl_e8):
        """What is held, and what it has made."""
        self._words[_ENGINE_INSTRUMENT_POSITION_E8] = position_e8
        self._words[_ENGINE_INSTRUMENT_PNL_E8] = pnl_e8


class Counter(_Record):
    """A number that only grows."""

    __slots__ = ()

    def add(self, by=1):
        """Adds to it."""
        self._words[_ENGINE_NUMBER_VALUE] += by


class Gauge(_Record):
    """A number that comes and goes."""

    __slots__ = ()

    def set(self, value, now_ns=None):
        """Sets it."""
        self._words[_ENGINE_NUMBER_VALUE] = value
        self._words[_ENGINE_NUMBER_SET_MONO_NS] = monotonic_ns() if now_ns is None else now_ns


class Latency(_Record):
    """A histogram of durations, two digits, 1 us and above."""

    __slots__ = ()

    def record(self, took_ns):
        """Counts one duration."""
        words = self._words
        words[min(_ENGINE_LATENCY_WORDS + _latency_bucket(took_ns), len(words) - 1)] += 1
        words[_ENGINE_LATENCY_TOTAL] += 1
        if took_ns > words[_ENGINE_LATENCY_MAX_NS]:
            words[_ENGINE_LATENCY_MAX_NS] = took_ns


class Orders(_Record):
    """Orders sent and their reports seen, 64 awaited at a time."""

    __slots__ = ()

    def sent(self, now_ns=None):
        """An order goes out. Returns its number, for seen()."""
        words = self._words
        number = words[_ENGINE_ORDERS_SENT_COUNT]
        words[_ENGINE_ORDERS_SENT_MONO_NS + number % _ENGINE_PAIRS] = monotonic_ns() if now_ns is None else now_ns
        words[_ENGINE_ORDERS_SENT_COUNT] = number + 1
        return number

    def seen(self, number, now_ns=None):
        """Its report has come: acknowledged, filled or refused, any word of the venue on it."""
        at = _ENGINE_ORDERS_SEEN_MONO_NS + number % _ENGINE_PAIRS
        self._words[at] = monotonic_ns() if now_ns is None else now_ns


class Key(_Record):
    """A listenKey that the engine extends."""

    __slots__ = ()

    def extended(self, fingerprint=0, now_ns=None):
        """The engine extended it. fingerprint: fingerprint(key), or 0; never the key."""
        self._words[_ENGINE_KEY_FINGERPRINT] = _signed(fingerprint)
        self._words[_ENGINE_KEY_EXTENDED_MONO_NS] = monotonic_ns() if now_ns is None else now_ns

    def proven(self, now_ns=None):
        """The socket opened with this key has shown that it lives, by an event or the pong to a ping of
        ours. At least every 20 s."""
        self._words[_ENGINE_KEY_PROVEN_MONO_NS] = monotonic_ns() if now_ns is None else now_ns

    def failed(self):
        """An attempt to extend it failed."""
        self._words[_ENGINE_KEY_FAILURES] += 1


class EngineGate(_Record):
    """What the engine made of a gate."""

    __slots__ = ()

    def seen(self, is_open, now_ns=None):
        """What the engine's last look at the gate said, when it differs from the one before."""
        at = _ENGINE_GATE_SEEN_OPEN_MONO_NS if is_open else _ENGINE_GATE_SEEN_CLOSED_MONO_NS
        self._words[at] = monotonic_ns() if now_ns is None else now_ns

    def quoting(self):
        """Quotes that need this gate go to the market ..."""
        self._words[_ENGINE_GATE_QUOTING] = 1

    def pulled(self, now_ns=None):
        """... and are gone from it, as the venue has confirmed."""
        self._words[_ENGINE_GATE_QUOTING] = 0
        self._words[_ENGINE_GATE_PULLED_MONO_NS] = monotonic_ns() if now_ns is None else now_ns


class EngineAdvice(_Record):
    """What the engine made of an advice word."""

    __slots__ = ()

    def done(self, serial, now_ns=None):
        """Advice of this serial was acted upon."""
        self._words[_ENGINE_ADVICE_ACKNOWLEDGED_MONO_NS] = monotonic_ns() if now_ns is None else now_ns
        self._words[_ENGINE_ADVICE_SEQUENCE] = serial


# ---- an engine's file -------------------------------------------------------


def _line_up(size):
    return -(-size // _LINE_BYTES) * _LINE_BYTES


def _latency_bucket(took_ns):
    units = max(took_ns, 0) // _LATENCY_UNIT_NS
    doubling = max(units.bit_length() - _LATENCY_BITS, 0)
    return (doubling << _LATENCY_BITS - 1) + (units >> doubling)


def _store_text(words, at, text, size):
    """Text into a field, cut and padded, word by word: the last byte is always 0."""
    padded = text[:size - 1].ljust(size, b"\0")
    for i in range(size // 8):
        words[at + i] = int.from_bytes(padded[8 * i:8 * i + 8], "little", signed=True)


def _engine_path(name, segment):
    base = DEFAULT_NAME if segment is None else os.fspath(segment)
    path = f"{base if '/' in base else f'{DEFAULT_DIRECTORY}/{base}'}{_ENGINE_INFIX}{name}"
    is_name = len(name) < _ENGINE_NAME_BYTES and _ENGINE_NAME.fullmatch(name)
    if not base or "\0" in base or not is_name or len(os.fsencode(path)) >= _PATH_MAX:
        raise Error(Code.INVALID, name)
    return path


def _map_new(path, size, mode, group):
    """A new file of this size, all of it allocated (a full tmpfs is an error here, no SIGBUS later), as words."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(fd, 0, size)
        os.fchmod(fd, mode)
        if group is not None:
            os.fchown(fd, -1, group)
        return memoryview(mmap.mmap(fd, size, mmap.MAP_SHARED | mmap.MAP_POPULATE)).cast("q")
    finally:
        os.close(fd)


def _engine_header(path):
    """A copy of the words of the header of an engine's file, or None."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            head = os.pread(fd, _ENGINE_HEADER_WORDS * 8, 0)
        finally:
            os.close(fd)
    except OSError:
        return None
    words = memoryview(head).cast("q") if len(head) == _ENGINE_HEADER_WORDS * 8 else [0]
    return words if words[_ENGINE_HEADER_MAGIC] == _ENGINE_MAGIC else None


def _is_in_use(path):
    """Does a live process of this machine write the file that stands there? Pid and start time must
    agree, in our own pid namespace."""
    head = _engine_header(path)
    if head is None or head[_ENGINE_HEADER_GOODBYE_MONO_NS] != 0:
        return False
    namespace, ticks = head[_ENGINE_HEADER_PID_NAMESPACE], head[_ENGINE_HEADER_START_TICKS]
    if ticks == 0 or namespace == 0 or namespace != _pid_namespace():
        return False
    state, threads, start_ticks = _process_stat(head[_ENGINE_HEADER_PID])
    is_running = state not in "Xx" and (state != "Z" or threads > 1)  # Z: its first thread has ended; others run
    return is_running and start_ticks == ticks


def _process_stat(pid):
    """A process's state letter, threads and start time; "" of no process. The command in brackets may
    hold anything, brackets included: fields count from the last."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[17]), int(fields[19])
    except (OSError, IndexError, ValueError):
        return "", 0, 0


def _pid_namespace():
    """The inode of our own, 0 if not known."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
