// SPDX-License-Identifier: MIT

package flatline

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	slotsDefault = 256
	dataDefault  = 512 << 10
	modeDefault  = 0o640
	lineBytes    = 128
)

// startTicksAbandoned is of no process: who wrote the file has let go of it without goodbye.
const startTicksAbandoned = ^uint64(0)

const engineNameChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

func enginePath(segment, name string) (string, error) {
	if segment == "" {
		segment = defaultName
	}
	if !strings.Contains(segment, "/") {
		segment = defaultDirectory + "/" + segment
	}
	path := segment + engineInfix + name
	isName := name != "" && len(name) < engineNameBytes && strings.Trim(name, engineNameChars) == ""
	if !isName || len(path) >= syscall.PathMax || strings.ContainsRune(segment, 0) {
		return "", ErrInvalid
	}
	return path, nil
}

// makeFile builds the file under a temporary name, magic last, renames it into place and returns it
// mapped.
func (o EngineOptions) makeFile(path, name string) ([]byte, error) {
	dataOffset := uint64(unsafe.Sizeof(headerRecord{})) + o.SlotsMax*uint64(unsafe.Sizeof(slotRecord{}))
	if o.SlotsMax > engineSlotsMax || o.DataBytes > engineFileMaxBytes ||
		dataOffset+lineUp(o.DataBytes) > engineFileMaxBytes {
		return nil, ErrInvalid
	}
	temporary := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	data, err := o.mapFile(temporary, int64(dataOffset+lineUp(o.DataBytes)))
	if err != nil {
		_ = syscall.Unlink(temporary)
		return nil, engineErrorOf(err)
	}
	fillHeader(headerOf(data), name, o.SlotsMax, dataOffset, uint64(len(data)))
	if err := syscall.Rename(temporary, path); err != nil {
		_ = syscall.Munmap(data)
		_ = syscall.Unlink(temporary)
		return nil, engineErrorOf(err)
	}
	return data, nil
}

func (o EngineOptions) mapFile(path string, bytes int64) ([]byte, error) {
	_ = syscall.Unlink(path)
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	if err := allocate(fd, bytes); err != nil {
		return nil, err
	}
	if err := syscall.Fchmod(fd, o.Mode); err != nil {
		return nil, err
	}
	if o.Group != 0 {
		if err := syscall.Fchown(fd, -1, o.Group); err != nil {
			return nil, err
		}
	}
	return syscall.Mmap(fd, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_POPULATE)
}

// allocate gives the file its bytes now, so that a full tmpfs is an error here and no SIGBUS later.
func allocate(fd int, bytes int64) error {
	err := syscall.EINTR
	for errors.Is(err, syscall.EINTR) {
		failed := syscall.Fallocate(fd, 0, 0, bytes)
		if failed == nil {
			return nil
		}
		err = failed.(syscall.Errno)
	}
	if !errors.Is(err, syscall.EOPNOTSUPP) {
		return err
	}
	_, failed := syscall.Pwrite(fd, make([]byte, bytes), 0)
	return failed
}

func engineErrorOf(err error) error {
	code := ErrSystem
	if errors.Is(err, os.ErrPermission) {
		code = ErrPermission
	}
	return fmt.Errorf("%w: %v", code, err)
}

func headerOf(data []byte) *headerRecord { return (*headerRecord)(unsafe.Pointer(&data[0])) }

func fillHeader(h *headerRecord, name string, slotsMax, dataOffset, fileBytes uint64) {
	h.major, h.minor, h.layoutHash = engineMajor, engineMinor, engineLayoutHash
	h.fileBytes, h.slotsOffset, h.slotsMax, h.dataOffset = fileBytes, uint64(unsafe.Sizeof(*h)), slotsMax, dataOffset
	h.pid = uint64(os.Getpid())
	_, _, h.startTicks = processStat(h.pid)
	h.pidNamespace = pidNamespace()
	h.createdMonoNs, h.createdWallNs = Now(), uint64(time.Now().UnixNano())
	copy(h.name[:], name)
	atomic.StoreUint64(&h.magic, engineMagic) // last: who finds the magic finds the header
}

// ---- who writes the file of this name ----

// readHeader copies the header of an engine's file, without mapping it.
func readHeader(path string) (h headerRecord, ok bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return h, false
	}
	defer syscall.Close(fd)
	head := (*[unsafe.Sizeof(h)]byte)(unsafe.Pointer(&h))[:]
	length, err := syscall.Pread(fd, head, 0)
	return h, err == nil && length == len(head) && h.magic == engineMagic
}

// isInUse says whether a live process of this machine writes the file that stands there: pid and start
// time must agree, in our own pid namespace.
func isInUse(path string) bool {
	h, ok := readHeader(path)
	if !ok || h.goodbyeMonoNs != 0 || h.startTicks == 0 || h.pidNamespace == 0 || h.pidNamespace != pidNamespace() {
		return false
	}
	state, threads, startTicks := processStat(h.pid)
	switch state {
	case "", "X", "x":
		return false
	case "Z":
		return startTicks == h.startTicks && threads > 1 // its first thread has ended; others run
	}
	return startTicks == h.startTicks
}

// processStat returns a process's state letter, threads and start time; "" of no process. The command
// in brackets may hold anything, brackets included: fields count from the last.
func processStat(pid uint64) (state string, threads, startTicks uint64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return "", 0, 0
	}
	threads, _ = strconv.ParseUint(fields[17], 10, 64)
	startTicks, _ = strconv.ParseUint(fields[19], 10, 64)
	return fields[0], threads, startTicks
}

// pidNamespace is the inode of our own, 0 if not known.
func pidNamespace() uint64 {
	var status syscall.Stat_t
	if syscall.Stat("/proc/self/ns/pid", &status) != nil {
		return 0
	}
	return status.Ino
}
