// SPDX-License-Identifier: MIT

package flatline

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	clockMismatchNs = 10_000_000_000 // a beat this far ahead was stamped by another clock
	slotTries       = 64
	gateBoth        = 1 // FLATLINE_GATE_BOTH
)

// view is one mapping of one file, and private copies of what was checked of it.
type view struct {
	data          []byte
	words         []uint64
	device, inode uint64
	sections      [sectionCount]section
	streams       []string
	alone         []member // each stream as a gate of its own would have it
	gates         []gateEntry
}

type section struct{ offset, stride, count uint64 }

type gateEntry struct {
	name    string
	both    bool
	members []member
}

// openView opens, maps and checks the file; nil if it is the current one. It never creates anything,
// and a pipe of that name cannot hold it.
func openView(path string, current *view) (*view, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, errorOf(err)
	}
	defer syscall.Close(fd)
	var status syscall.Stat_t
	if err := syscall.Fstat(fd, &status); err != nil {
		return nil, errorOf(err)
	}
	if status.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, ErrBadMagic
	}
	if current != nil && current.device == uint64(status.Dev) && current.inode == status.Ino {
		return nil, nil
	}
	if status.Size < headerBytes {
		return nil, shortFileError(fd)
	}
	data, err := syscall.Mmap(fd, 0, int(status.Size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, errorOf(err)
	}
	v := &view{data: data, device: uint64(status.Dev), inode: status.Ino}
	v.words = unsafe.Slice((*uint64)(unsafe.Pointer(&data[0])), len(data)/8) // a mapping is page-aligned
	if err := v.check(); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *view) close() { _ = syscall.Munmap(v.data) }

func errorOf(err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		return ErrNoFile
	case errors.Is(err, os.ErrPermission):
		return ErrPermission
	case errors.Is(err, syscall.ENOMEM):
		return ErrNoMemory
	}
	return ErrSystem
}

// shortFileError tells a file too short for a header apart by as much of it as there is.
func shortFileError(fd int) error {
	var head [2]uint64
	length, _ := syscall.Pread(fd, (*[16]byte)(unsafe.Pointer(&head))[:], 0)
	if length >= 8 && head[0] != layoutMagic && head[0] != 0 {
		return ErrBadMagic
	}
	if length == 16 && head[0] == layoutMagic && uint32(head[1]) != layoutMajor {
		return ErrOtherMajor
	}
	return ErrTruncated
}

// ---- words: offsets are in bytes, of words and fields that were checked or are the header's ----

func (v *view) word(at uint64) *uint64 { return &v.words[at/8] }

func (v *view) u64(at uint64) uint64 { return atomic.LoadUint64(v.word(at)) }

func (v *view) u32(at uint64) uint64 { return v.u64(at) >> (at % 8 * 8) & 0xffffffff }

func (v *view) place(section, index int) uint64 {
	s := &v.sections[section]
	return s.offset + s.stride*uint64(index)
}

func (v *view) leaseAt(stream int) uint64 { return v.place(sectionLeases, stream) }

func (v *view) isSuperseded() bool { return State(v.u64(headerState)) == StateSuperseded }

// isOver: superseded, and its last promise has run out; until then its judge goes on judging in it.
func (v *view) isOver() bool { return v.isSuperseded() && !v.isAlive(Now()) }

func (v *view) isAlive(now uint64) bool {
	return holds(v.u64(headerAliveUntilMonoNs), now, aliveAbsurdNs)
}

// slot copies a slot: its sequence, its words, its sequence again; a bounded number of tries.
func (v *view) slot(at uint64, words []uint64) error {
	live := v.words[at/8:][:len(words)]
	for try := 0; try < slotTries; try++ {
		before := atomic.LoadUint64(&live[0])
		if before&1 != 0 {
			continue
		}
		for i := range live {
			words[i] = atomic.LoadUint64(&live[i])
		}
		if words[0] == before && atomic.LoadUint64(&live[0]) == before {
			return nil
		}
	}
	if v.isAlive(Now()) {
		return ErrAgain
	}
	return ErrSentinelDead
}

// ---- checks, in the order a stranger would ask ----

func (v *view) check() error {
	if err := v.checkHeader(); err != nil {
		return err
	}
	if !v.copySections() || !v.copyStreams() || !v.copyGates() {
		return ErrCorrupt
	}
	return nil
}

func (v *view) checkHeader() error {
	switch magic := v.u64(headerMagic); {
	case magic == 0:
		return ErrNotReady
	case magic != layoutMagic:
		return ErrBadMagic
	case v.u32(headerMajor) != layoutMajor:
		return ErrOtherMajor
	}
	fileBytes := v.u64(headerFileBytes)
	if fileBytes > uint64(len(v.data)) {
		return ErrTruncated
	}
	isOurs := v.u32(headerMinor) == layoutMinor
	if fileBytes < headerBytes || isOurs && v.u64(headerLayoutHash) != layoutHash {
		return ErrCorrupt
	}
	switch State(v.u64(headerState)) {
	case StateStarting:
		return ErrNotReady
	case StateSuperseded:
		return ErrSuperseded
	}
	horizon := Now() + clockMismatchNs
	if v.u64(headerJudgeBeatMonoNs) > horizon || v.u64(headerCreatedMonoNs) > horizon {
		return ErrClockMismatch
	}
	return nil
}

// copySections: every section lies inside the file, aligned, its records long enough.
func (v *view) copySections() bool {
	size := uint64(len(v.data))
	for i := range v.sections {
		at := headerSections + placeBytes*uint64(i)
		s := section{v.u64(at + placeOffsetBytes), v.u32(at + placeStrideBytes), v.u32(at + placeCount)}
		if s.offset%8 != 0 || s.stride%8 != 0 || s.stride < recordBytes[i] || s.count > recordsMax ||
			s.offset < headerBytes || s.offset > size || s.stride*s.count > size-s.offset {
			return false
		}
		v.sections[i] = s
	}
	streams := v.sections[sectionStreams].count
	return v.sections[sectionLeases].count == streams && v.sections[sectionDetails].count == streams &&
		v.sections[sectionGateAdvice].count == v.sections[sectionGates].count
}

func (v *view) copyStreams() bool {
	for i := 0; i < int(v.sections[sectionStreams].count); i++ {
		name, ok := v.name(v.place(sectionStreams, i))
		if !ok {
			return false
		}
		v.streams = append(v.streams, name)
		at := v.leaseAt(i)
		v.alone = append(v.alone, member{lease: v.word(at + leaseUntilMonoNs), due: v.word(at + leaseDueID),
			quiet: v.word(at + leaseQuietUntilMonoNs), stream: i})
	}
	return true
}

func (v *view) copyGates() bool {
	for i := 0; i < int(v.sections[sectionGates].count); i++ {
		at := v.place(sectionGates, i)
		name, ok := v.name(at)
		first, count := v.u32(at+gateFirstMember), v.u32(at+gateMemberCount)
		if !ok || first+count > v.sections[sectionGateMembers].count {
			return false
		}
		entry := gateEntry{name: name, both: v.u64(at+gateFlags)&gateBoth != 0}
		for k := first; k < first+count; k++ {
			where := v.place(sectionGateMembers, int(k))
			stream := v.u32(where + memberStream)
			if stream >= uint64(len(v.streams)) {
				return false
			}
			m := v.alone[stream]
			m.adjustNs = v.u64(where + memberStaleAdjustNs)
			m.holdNs = v.u32(where+memberQuietHoldMs) * 1_000_000
			entry.members = append(entry.members, m)
		}
		v.gates = append(v.gates, entry)
	}
	return true
}

// name returns the name that leads a record: it ends inside its field, is not empty and holds nothing
// that a terminal would obey.
func (v *view) name(at uint64) (string, bool) {
	var name []byte
	for i := uint64(0); i < nameBytes; i++ {
		char := byte(v.u64(at+i) >> (i % 8 * 8))
		if char == 0 {
			return string(name), len(name) > 0
		}
		if char < ' ' || char == 0x7f {
			return "", false
		}
		name = append(name, char)
	}
	return "", false
}

// ---- by name ----

func (v *view) stream(r *Reader, name string) (Stream, bool) {
	for i, known := range v.streams {
		if known == name {
			lease := v.word(v.leaseAt(i) + leaseUntilMonoNs)
			return Stream{lease, v.word(headerAliveUntilMonoNs), r, v, i}, true
		}
	}
	return Stream{}, false
}

func (v *view) gate(r *Reader, name string) (Gate, bool) {
	for i, known := range v.gates {
		if known.name == name {
			advice := v.place(sectionGateAdvice, i)
			return Gate{alive: v.word(headerAliveUntilMonoNs), breaker: v.word(advice + adviceBreakerUntilMonoNs),
				pause: v.word(advice + advicePauseUntilMonoNs), members: known.members, both: known.both,
				reader: r, view: v, index: i}, true
		}
	}
	return Gate{}, false
}

// ---- why ----

// why, of the segment as a whole; WhyFresh: nothing wrong with it.
func (v *view) why(now uint64) Why {
	until := v.u64(headerAliveUntilMonoNs)
	switch {
	case holds(until, now, aliveAbsurdNs): // of a superseded one too, until its last promise has run out
		return WhyFresh
	case v.isSuperseded():
		return WhySuperseded
	case until > now:
		return WhyAbsurd
	}
	return WhySentinelDead
}

func (v *view) whyMember(m *member, now uint64) Why {
	at := v.leaseAt(m.stream)
	granted := v.u64(at + leaseUntilMonoNs)
	end := granted + m.adjustNs
	switch {
	case granted == 0 && Fault(v.u64(at+leaseRevokedBy)) == FaultNone: // stored before the zero
		return WhyUnknown
	case granted == 0:
		return WhyRevoked
	case holds(end, now, leaseAbsurdNs), m.held(end, now):
		return WhyFresh
	case granted > now && granted-now > leaseAbsurdNs:
		return WhyAbsurd
	}
	// Is it quiet, is it suspect, or is there nothing to tell it by?
	switch quietUntil := atomic.LoadUint64(m.quiet); {
	case quietUntil == 0:
		return WhyLapsed
	case holds(quietUntil, now, leaseAbsurdNs):
		return WhyLapsedQuiet
	}
	return WhyLapsedSuspect
}
