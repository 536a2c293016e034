// SPDX-License-Identifier: MIT

package flatline

import (
	"syscall"
	"time"
	"unsafe"
)

const clockMonotonic = 1 // CLOCK_MONOTONIC

// Go's monotonic clock is CLOCK_MONOTONIC, but package time shows only differences of it. So the
// system's own reading is taken once, and Now adds what has passed since.
var clockStart, clockBase = anchorClock()

// Now returns CLOCK_MONOTONIC in nanoseconds, the clock of the leases. It is never behind it, and
// ahead by no more than a system call took once at start: a lease may seem shorter, never longer.
func Now() uint64 { return clockBase + uint64(time.Since(clockStart)) }

// anchorClock keeps the tightest of a few pairs: each start is taken before the base that goes with it.
func anchorClock() (start time.Time, base uint64) {
	least := time.Duration(1<<63 - 1)
	for i := 0; i < 16; i++ {
		before := time.Now()
		reading := readMonotonic()
		if took := time.Since(before); took < least {
			start, base, least = before, reading, took
		}
	}
	return start, base
}

func readMonotonic() uint64 {
	var now syscall.Timespec
	if _, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0); failed != 0 {
		panic("flatline: no CLOCK_MONOTONIC: " + failed.Error()) // Linux has it always
	}
	return uint64(now.Nano())
}
