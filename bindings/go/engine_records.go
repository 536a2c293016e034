// SPDX-License-Identifier: MIT

package flatline

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/bits"
	"strings"
	"sync/atomic"
	"time"
)

const (
	latencyBits   = 8   // two digits
	latencyUnitNs = 512 // the power of two below 1 us
)

// EngineStream is the engine's echo of one stream.
type EngineStream struct{ record echoRecord }

// Echo tells the newest id applied, and when it was received.
func (s *EngineStream) Echo(lastID, recv uint64) {
	atomic.StoreUint64(&s.record.recvMonoNs, recv)
	atomic.StoreUint64(&s.record.lastID, lastID)
}

// Worker is a goroutine or loop that owes beats while it runs.
type Worker struct{ record workerRecord }

// Beat says "I am alive", at least once each declared interval; it makes an idle worker a running one.
func (w *Worker) Beat(now uint64) {
	atomic.StoreUint64(&w.record.beatMonoNs, now)
	if w.State() != WorkerRunning {
		atomic.StoreUint64(&w.record.changedMonoNs, now)
		atomic.StoreUint64(&w.record.state, uint64(WorkerRunning))
	}
}

// Idle says that it waits for work, and owes no beat until the next one.
func (w *Worker) Idle(now uint64) { w.change(WorkerIdle, now) }

// Exit ends it in order.
func (w *Worker) Exit(now uint64) { w.change(WorkerExited, now) }

// Restart begins it again after an end.
func (w *Worker) Restart(now uint64) {
	atomic.AddUint64(&w.record.restarts, 1)
	w.change(WorkerRunning, now)
}

// Error notes an error, cut to 95 bytes; the worker goes on.
func (w *Worker) Error(text string) {
	text, _, _ = strings.Cut(text, "\x00")
	var padded [8 * len(w.record.errorText)]byte
	copy(padded[:len(padded)-1], text)
	for i := range w.record.errorText {
		atomic.StoreUint64(&w.record.errorText[i], binary.LittleEndian.Uint64(padded[8*i:]))
	}
	atomic.AddUint64(&w.record.errors, 1)
}

// Panic ends it by an error: the fault follows within milliseconds.
func (w *Worker) Panic(text string, now uint64) {
	w.Error(text)
	w.change(WorkerPanicked, now)
}

// Done, deferred, ends the worker: in order, or as panicked if its goroutine panics. The panic goes on.
func (w *Worker) Done() {
	if cause := recover(); cause != nil {
		w.Panic(fmt.Sprint(cause), Now())
		panic(cause)
	}
	w.Exit(Now())
}

// State is what the worker last said of itself.
func (w *Worker) State() WorkerState { return WorkerState(atomic.LoadUint64(&w.record.state)) }

func (w *Worker) change(state WorkerState, now uint64) {
	atomic.StoreUint64(&w.record.beatMonoNs, now)
	atomic.StoreUint64(&w.record.changedMonoNs, now)
	atomic.StoreUint64(&w.record.state, uint64(state))
}

// String returns the name of a state, such as "RUNNING".
func (s WorkerState) String() string { return textOf(workerStateNames[:], uint64(s)) }

// Instrument is what stands in the market for one instrument. Prices, quantities and money are units
// of 1e-8.
type Instrument struct{ record instrumentRecord }

// Quote tells what stands in the market now; 0 is no quote on that side.
func (i *Instrument) Quote(bidE8, askE8 int64, now uint64) {
	atomic.StoreUint64(&i.record.bidE8, uint64(bidE8))
	atomic.StoreUint64(&i.record.askE8, uint64(askE8))
	atomic.StoreUint64(&i.record.quotedMonoNs, now)
}

// OrderAction: an order was placed, changed or cancelled, and so many stand now.
func (i *Instrument) OrderAction(activeOrders, now uint64) {
	atomic.StoreUint64(&i.record.activeOrders, activeOrders)
	atomic.StoreUint64(&i.record.actionMonoNs, now)
}

// Position tells what is held, and what it has made.
func (i *Instrument) Position(positionE8, pnlE8 int64) {
	atomic.StoreUint64(&i.record.positionE8, uint64(positionE8))
	atomic.StoreUint64(&i.record.pnlE8, uint64(pnlE8))
}

// Counter is a number that only grows. Goroutines may share it.
type Counter struct{ record numberRecord }

// Add adds to it.
func (c *Counter) Add(by uint64) { atomic.AddUint64(&c.record.value, by) }

// Gauge is a number that comes and goes.
type Gauge struct{ record numberRecord }

// Set sets it.
func (g *Gauge) Set(value int64, now uint64) {
	atomic.StoreUint64(&g.record.value, uint64(value))
	atomic.StoreUint64(&g.record.setMonoNs, now)
}

// Latency is a histogram of durations. Goroutines may share it.
type Latency struct {
	record *latencyRecord
	counts []uint64
}

// Record counts one duration.
func (l *Latency) Record(took time.Duration) {
	if len(l.counts) == 0 {
		return // declared in vain
	}
	if took < 0 {
		took = 0
	}
	at := latencyBucket(uint64(took) / latencyUnitNs)
	if last := uint64(len(l.counts) - 1); at > last {
		at = last
	}
	atomic.AddUint64(&l.counts[at], 1)
	atomic.AddUint64(&l.record.total, 1)
	for max := atomic.LoadUint64(&l.record.maxNs); uint64(took) > max; max = atomic.LoadUint64(&l.record.maxNs) {
		atomic.CompareAndSwapUint64(&l.record.maxNs, max, uint64(took))
	}
}

func latencyBucket(units uint64) uint64 {
	doubling := bits.Len64(units|(1<<latencyBits-1)) - latencyBits
	return uint64(doubling)<<(latencyBits-1) + units>>doubling
}

// Orders are orders sent and their reports seen, 64 awaited at a time.
type Orders struct{ record ordersRecord }

// Sent: an order goes out. It returns its number, for Seen.
func (o *Orders) Sent(now uint64) uint64 {
	number := atomic.AddUint64(&o.record.sentCount, 1) - 1
	atomic.StoreUint64(&o.record.sentMonoNs[number%enginePairs], now)
	return number
}

// Seen: the order's report has come, acknowledged, filled or refused: any word of the venue on it.
func (o *Orders) Seen(number, now uint64) {
	atomic.StoreUint64(&o.record.seenMonoNs[number%enginePairs], now)
}

// Key is a listenKey that the engine extends.
type Key struct{ record keyRecord }

// Extended: the engine extended it. fingerprint is Fingerprint(key), or 0; never the key.
func (k *Key) Extended(fingerprint, now uint64) {
	atomic.StoreUint64(&k.record.fingerprint, fingerprint)
	atomic.StoreUint64(&k.record.extendedMonoNs, now)
}

// Proven: the socket opened with this key has shown that it lives, by an event or the pong to a ping of
// ours. At least every 20 s.
func (k *Key) Proven(now uint64) { atomic.StoreUint64(&k.record.provenMonoNs, now) }

// Failed counts an attempt to extend it that failed.
func (k *Key) Failed() { atomic.AddUint64(&k.record.failures, 1) }

// Fingerprint tells one listenKey from another, and nothing else of it: FNV-1a.
func Fingerprint(key string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(key))
	return hash.Sum64()
}

// EngineGate is what the engine made of a gate.
type EngineGate struct{ record gateRecord }

// Seen tells what the engine's last look at the gate said, when it differs from the one before.
func (g *EngineGate) Seen(open bool, now uint64) {
	if open {
		atomic.StoreUint64(&g.record.seenOpenMonoNs, now)
	} else {
		atomic.StoreUint64(&g.record.seenClosedMonoNs, now)
	}
}

// Quoting: quotes that need this gate go to the market ...
func (g *EngineGate) Quoting() { atomic.StoreUint64(&g.record.quoting, 1) }

// Pulled: ... and are gone from it, as the venue has confirmed.
func (g *EngineGate) Pulled(now uint64) {
	atomic.StoreUint64(&g.record.quoting, 0)
	atomic.StoreUint64(&g.record.pulledMonoNs, now)
}

// EngineAdvice is what the engine made of an advice word.
type EngineAdvice struct{ record adviceRecord }

// Done: advice of this serial was acted upon.
func (a *EngineAdvice) Done(serial, now uint64) {
	atomic.StoreUint64(&a.record.acknowledgedMonoNs, now)
	atomic.StoreUint64(&a.record.sequence, serial)
}
