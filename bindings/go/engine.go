// SPDX-License-Identifier: MIT

package flatline

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Engine is what an engine tells of itself, in a file of its own beside the sentinel's segment: it
// beats, echoes the ids it has applied, counts, and says when its quotes were gone.
//
//	engine, err := flatline.NewEngine("flatline", "mm1")
//	defer engine.Close()
//	quoter := engine.Worker("quoter", 100*time.Millisecond)
//	defer quoter.Done()
//	book := engine.Stream("binance-usdm/BTCUSDT/depth@100ms")
//	for update := range updates {
//		quoter.Beat(flatline.Now())
//		book.Echo(update.ID, update.Received)
//	}
//
// Records are declared by name while the engine runs, from any goroutine. A declaration that fails
// still gives a record, one that nobody reads, and Err tells of the first: the engine's facts are
// never a reason for the engine to stop.
//
// A record is for one goroutine at a time. Of Orders, who sends and who receives may be two; a Counter
// and a Latency may be shared.
//
// Every word is stored by itself, atomically, and means something by itself: docs/ENGINE.md.
type Engine struct {
	path   string
	header *headerRecord
	data   []byte // stays mapped for good: a goroutine that outlives Close must not crash

	mutex      sync.Mutex
	known      map[declared]uint64 // the record's place in the file
	smallEnd   uint64              // records grow up from dataOffset ...
	largeBegin uint64              // ... and the long ones down from the end
	err        error
}

type declared struct {
	kind uint64
	name string
}

// EngineOptions are what NewEngine leaves at their defaults, which are all zero.
type EngineOptions struct {
	SlotsMax  uint64 // records there is room for; 0: 256, at most 1024
	DataBytes uint64 // room for their words; 0: 512 KiB
	Mode      uint32 // of the file; 0: 0640. The sentinel must be able to read it
	Group     int    // the file is given to this group; 0: it is not
}

// NewEngine makes the file of the engine of this name (1 to 31 of A-Z a-z 0-9 _ -) beside the segment,
// named as for Attach, which need not be there yet. It fails with ErrInvalid, ErrInUse (a live process
// writes the file of this name), ErrPermission or ErrSystem.
func NewEngine(segment, name string) (*Engine, error) {
	return EngineOptions{}.NewEngine(segment, name)
}

// NewEngine is NewEngine with options.
func (o EngineOptions) NewEngine(segment, name string) (*Engine, error) {
	path, err := enginePath(segment, name)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	if isInUse(path) {
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	}
	if o.SlotsMax == 0 {
		o.SlotsMax = slotsDefault
	}
	if o.DataBytes == 0 {
		o.DataBytes = dataDefault
	}
	if o.Mode == 0 {
		o.Mode = modeDefault
	}
	data, err := o.makeFile(path, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	e := &Engine{path: path, data: data, header: headerOf(data), known: map[declared]uint64{}}
	e.smallEnd, e.largeBegin = e.header.dataOffset, e.header.fileBytes
	return e, nil
}

// Path is where the file is.
func (e *Engine) Path() string { return e.path }

// Err is the first declaration that failed, nil if none did.
func (e *Engine) Err() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.err
}

// Close says goodbye and removes the file. Deferred, it does neither while its goroutine panics: who
// ends without goodbye is ENGINE_GONE, and whoever recovers may make it again. What is written to its
// records afterwards goes nowhere.
func (e *Engine) Close() {
	if cause := recover(); cause != nil {
		e.Abandon()
		panic(cause)
	}
	atomic.StoreUint64(&e.header.goodbyeMonoNs, Now())
	if named, ok := readHeader(e.path); ok && named.pid == e.header.pid && named.createdMonoNs == e.header.createdMonoNs {
		_ = syscall.Unlink(e.path) // still ours
	}
}

// Abandon lets go without goodbye and leaves the file as a crash would, with all that was written last:
// the engine is ENGINE_GONE within milliseconds, though its process may live.
func (e *Engine) Abandon() { atomic.StoreUint64(&e.header.startTicks, startTicksAbandoned) }

// ---- declarations ----

// Stream declares an echo, by the full name of the stream as the sentinel calls it.
func (e *Engine) Stream(name string) *EngineStream { return declare[EngineStream](e, kindStream, name) }

// OwnID is where the newest id echoed of a stream stands, for Gate.Bind: gate.Bind(engine.OwnID).
func (e *Engine) OwnID(stream string) *uint64 { return &e.Stream(stream).record.lastID }

// Worker declares a worker that promises to beat at least once each interval, an hour at most. It is
// idle until its first beat. Declared anew after its end, it is restarted.
func (e *Engine) Worker(name string, interval time.Duration) *Worker {
	if interval <= 0 || interval > engineIntervalMaxNs {
		e.fail(name, ErrInvalid)
		return new(Worker)
	}
	w := (*Worker)(e.record(kindWorker, name, uint64(interval), unsafe.Sizeof(Worker{})))
	if w == nil {
		return new(Worker)
	}
	if state := w.State(); state == WorkerExited || state == WorkerPanicked {
		w.Restart(Now())
	}
	return w
}

// Instrument declares what stands in the market for one instrument.
func (e *Engine) Instrument(name string) *Instrument {
	return declare[Instrument](e, kindInstrument, name)
}

// Counter declares a number that only grows.
func (e *Engine) Counter(name string) *Counter { return declare[Counter](e, kindCounter, name) }

// Gauge declares a number that comes and goes.
func (e *Engine) Gauge(name string) *Gauge { return declare[Gauge](e, kindGauge, name) }

// Latency declares a histogram of durations: two digits, 1 us and above, up to max (beyond: its last
// bucket); an hour at most.
func (e *Engine) Latency(name string, max time.Duration) *Latency {
	if max < latencyUnitNs || max > time.Hour {
		e.fail(name, ErrInvalid)
		return new(Latency)
	}
	buckets := uintptr(latencyBucket(uint64(max)/latencyUnitNs) + 1)
	record := (*latencyRecord)(e.record(kindLatency, name, uint64(max), unsafe.Sizeof(latencyRecord{})+8*buckets))
	if record == nil {
		return new(Latency)
	}
	counts := unsafe.Slice((*uint64)(unsafe.Add(unsafe.Pointer(record), unsafe.Sizeof(*record))), buckets)
	return &Latency{record, counts}
}

// Orders declares the pairs of orders sent and reports seen.
func (e *Engine) Orders(name string) *Orders { return declare[Orders](e, kindOrders, name) }

// Key declares a listenKey, by the full name of the account's stream.
func (e *Engine) Key(name string) *Key { return declare[Key](e, kindKey, name) }

// Gate declares what the engine made of a gate, by its name.
func (e *Engine) Gate(name string) *EngineGate { return declare[EngineGate](e, kindGate, name) }

// Advice declares what the engine made of an advice word, by its name.
func (e *Engine) Advice(name string) *EngineAdvice {
	return declare[EngineAdvice](e, kindAdvice, name)
}

// declare finds or makes a record without a parameter. R lies over the record as it is in the file.
func declare[R any](e *Engine, kind uint64, name string) *R {
	var record R
	if found := e.record(kind, name, 0, unsafe.Sizeof(record)); found != nil {
		return (*R)(found)
	}
	return &record
}

// record returns where the record of this kind and name lies, nil if it cannot be had.
func (e *Engine) record(kind uint64, name string, parameter uint64, length uintptr) unsafe.Pointer {
	if !isPlainName(name) {
		e.fail(name, ErrInvalid)
		return nil
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	key := declared{kind, name}
	at, ok := e.known[key]
	if !ok {
		at = e.addSlot(key, parameter, uint64(length))
	}
	if at == 0 {
		e.failLocked(name, ErrNoMemory)
		return nil
	}
	e.known[key] = at
	return unsafe.Pointer(&e.data[at])
}

// addSlot fills the next slot and returns its record's place, 0 if there is no slot or room left.
func (e *Engine) addSlot(key declared, parameter, length uint64) uint64 {
	count, bytes := e.header.slotCount, lineUp(length)
	if count >= e.header.slotsMax || e.largeBegin-e.smallEnd < bytes {
		atomic.AddUint64(&e.header.refused, 1)
		return 0
	}
	at := e.smallEnd
	if key.kind == kindLatency { // short records lie together, to be read in one piece; long ones apart
		e.largeBegin -= bytes
		at = e.largeBegin
		record := (*latencyRecord)(unsafe.Pointer(&e.data[at]))
		record.unitNs, record.subBucketBits = latencyUnitNs, latencyBits
		record.bucketCount = (length - uint64(unsafe.Sizeof(*record))) / 8
	} else {
		e.smallEnd += bytes
	}
	slot := (*slotRecord)(unsafe.Pointer(&e.data[e.header.slotsOffset+count*uint64(unsafe.Sizeof(slotRecord{}))]))
	copy(slot.name[:], key.name)
	slot.offsetBytes, slot.lengthBytes, slot.parameter = at, bytes, parameter
	atomic.StoreUint64(&slot.kind, key.kind) // last: the slot is whole before it counts
	atomic.StoreUint64(&e.header.slotCount, count+1)
	return at
}

func (e *Engine) fail(name string, err error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.failLocked(name, err)
}

func (e *Engine) failLocked(name string, err error) {
	if e.err == nil {
		e.err = fmt.Errorf("%q: %w", name, err)
	}
}

func lineUp(bytes uint64) uint64 { return (bytes + lineBytes - 1) &^ (lineBytes - 1) }

// isPlainName: not empty, ends inside its field, holds nothing that a terminal would obey.
func isPlainName(name string) bool {
	for i := 0; i < len(name); i++ {
		if name[i] < ' ' || name[i] == 0x7f {
			return false
		}
	}
	return name != "" && len(name) < nameBytes
}
