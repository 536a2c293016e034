// SPDX-License-Identifier: MIT

// Package flatline reads what flatline publishes: may I quote, at this nanosecond? Pure Go, the
// standard library alone.
//
//	reader, err := flatline.Attach("flatline")
//	gate, err := reader.Gate("okx/BTC-USDT")
//	for gate.Look() {
//		quote()
//	}
//
// A stream is fresh while now is before its lease and before the end of the sentinel's own promise;
// a gate is fresh while all its streams are. Not fresh is never an error: what cannot be trusted is
// false. Times are nanoseconds of CLOCK_MONOTONIC, as Now returns them.
//
// A Reader may be shared by goroutines. A Stream or Gate is a small value that Look may move to a new
// segment: copy it, and give each goroutine its own.
//
// The segment is mapped read-only and read by atomic 64-bit loads; docs/SHARED-MEMORY.md is its
// format. What was checked at Attach is copied, and nothing read later from the live file is ever
// used as an index.
package flatline

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
)

// Error says what went wrong, as one of the Err constants.
type Error int

func (e Error) Error() string { return "flatline: " + textOf(errorMeanings[:], uint64(e)) }

// Name returns the name that all of flatline's readers share, such as "NO_FILE".
func (e Error) Name() string { return textOf(errorNames[:], uint64(e)) }

// NameError is ErrUnknownName with the name that may have been meant, "" if none is near.
type NameError struct {
	Name, Nearest string
}

func (e *NameError) Error() string {
	if e.Nearest == "" {
		return fmt.Sprintf("%v: %q", ErrUnknownName, e.Name)
	}
	return fmt.Sprintf("%v: %q (nearest: %q)", ErrUnknownName, e.Name, e.Nearest)
}

// Unwrap makes errors.Is(err, ErrUnknownName) true.
func (e *NameError) Unwrap() error { return ErrUnknownName }

// Reader is one attachment to a segment.
type Reader struct {
	path  string
	mutex sync.Mutex
	views []*view // the newest last; older ones stay mapped for the handles that look there
}

// Attach maps the segment of that name in /dev/shm, or that path if the name has a slash; "" is
// "flatline". A dead sentinel is no error: nothing in its segment is fresh.
func Attach(name string) (*Reader, error) {
	if name == "" {
		name = defaultName
	}
	if !strings.Contains(name, "/") {
		name = defaultDirectory + "/" + name
	}
	if len(name) >= syscall.PathMax || strings.ContainsRune(name, 0) {
		return nil, fmt.Errorf("%q: %w", name, ErrInvalid)
	}
	first, err := openView(name, nil)
	if errors.Is(err, ErrSuperseded) {
		first, err = openView(name, nil) // renamed between our open and our look
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Reader{path: name, views: []*view{first}}, nil
}

// Close unmaps all this reader ever mapped. Its handles must not be used any more.
func (r *Reader) Close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, v := range r.views {
		v.close()
	}
	r.views = nil
}

// Reattach maps what stands under the name now, if the segment is dead or superseded and that is
// another one. Handles stay where they are; Look moves them. True: attached anew.
func (r *Reader) Reattach() (bool, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	current := r.views[len(r.views)-1]
	if !current.isSuperseded() && current.isAlive(Now()) {
		return false, nil
	}
	next, err := openView(r.path, current)
	if err != nil || next == nil {
		return false, err
	}
	r.views = append(r.views, next)
	return true, nil
}

func (r *Reader) view() *view {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.views[len(r.views)-1]
}

// Path is where the segment was found.
func (r *Reader) Path() string { return r.path }

// Epoch says which life of the sentinel this is.
func (r *Reader) Epoch() uint64 { return r.view().u64(headerEpoch) }

// Alive says whether the sentinel's own promise is still running.
func (r *Reader) Alive(now uint64) bool { return r.view().isAlive(now) }

// Streams returns all stream names.
func (r *Reader) Streams() []string { return append([]string(nil), r.view().streams...) }

// Gates returns all gate names.
func (r *Reader) Gates() []string {
	var names []string
	for _, g := range r.view().gates {
		names = append(names, g.name)
	}
	return names
}

// Stream finds a stream by its full name, "venue/SYMBOL/channel". The error is a *NameError.
func (r *Reader) Stream(name string) (Stream, error) {
	v := r.view()
	s, ok := v.stream(r, name)
	if !ok {
		return Stream{}, &NameError{name, v.nearest(name)}
	}
	return s, nil
}

// Gate finds a gate by its name. The error is a *NameError.
func (r *Reader) Gate(name string) (Gate, error) {
	v := r.view()
	g, ok := v.gate(r, name)
	if !ok {
		return Gate{}, &NameError{name, v.nearest(name)}
	}
	return g, nil
}

// next is the view a handle should look at instead of v, nil if v is still the one.
func (r *Reader) next(v *view, now uint64) *view {
	if v.isAlive(now) && !v.isSuperseded() {
		return nil
	}
	_, _ = r.Reattach() // on an error we stay where we are: not fresh
	if newest := r.view(); newest != v {
		return newest
	}
	return nil
}

func textOf(texts []string, number uint64) string {
	if number >= uint64(len(texts)) || texts[number] == "" {
		return "?"
	}
	return texts[number]
}

// String returns the name of a reason, such as "LAPSED".
func (w Why) String() string { return textOf(whyNames[:], uint64(w)) }

// Meaning is the reason for people.
func (w Why) Meaning() string { return textOf(whyMeanings[:], uint64(w)) }

// String returns the name of a kind of advice, such as "BREAKER".
func (a Advice) String() string { return textOf(adviceNames[:], uint64(a)) }

// Meaning is what commands, and an engine's ADVICE slots, call it, such as "breaker".
func (a Advice) Meaning() string { return textOf(adviceMeanings[:], uint64(a)) }

// String returns the name of a state, such as "RUNNING".
func (s State) String() string { return textOf(stateNames[:], uint64(s)) }

// Meaning is the state for people.
func (s State) Meaning() string { return textOf(stateMeanings[:], uint64(s)) }

// String returns the name of a kind of fault, such as "DOWN"; "?" for one of a newer sentinel.
func (f Fault) String() string { return textOf(faultNames[:], uint64(f)) }
