// SPDX-License-Identifier: MIT

// What the conformance tests cannot see from outside: panics, goroutines, and what Close leaves.
package flatline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const book = "binance-usdm/BTCUSDT/depth@100ms"

func makeEngine(t *testing.T) *Engine {
	t.Helper()
	engine, err := NewEngine(filepath.Join(t.TempDir(), "segment"), "mm1")
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// panicked runs work and returns what it panicked of.
func panicked(work func()) (cause any) {
	defer func() { cause = recover() }()
	work()
	return nil
}

func TestAPanicIsToldGoesOnAndLeavesNoGoodbye(t *testing.T) {
	engine := makeEngine(t)
	var quoter *Worker
	cause := panicked(func() {
		defer engine.Close()
		quoter = engine.Worker("quoter", 100*time.Millisecond)
		defer quoter.Done()
		quoter.Beat(Now())
		var none []int
		_ = none[len(engine.path)]
	})
	err, isError := cause.(error)
	if !isError || !strings.Contains(err.Error(), "index out of range") || quoter.State() != WorkerPanicked {
		t.Errorf("panicked of %v, the worker is %v", cause, quoter.State())
	}
	data, err := os.ReadFile(engine.Path())
	if err != nil || !strings.Contains(string(data), "index out of range") {
		t.Errorf("the file does not tell it: %v", err)
	}
	if engine.header.goodbyeMonoNs != 0 || isInUse(engine.Path()) {
		t.Error("it said goodbye, or nobody may come after it")
	}
}

func TestLeavingInOrderIsAnExitWithGoodbyeAndTheNextDeclarationARestart(t *testing.T) {
	engine := makeEngine(t)
	for i := 0; i < 3; i++ {
		func() {
			w := engine.Worker("quoter", time.Second)
			defer w.Done()
			w.Beat(Now())
		}()
	}
	w := engine.Worker("other", time.Second)
	w.Done()
	if w.State() != WorkerExited || engine.Worker("quoter", time.Second).record.restarts != 3 {
		t.Errorf("%v, %d restarts", w.State(), engine.Worker("quoter", time.Second).record.restarts)
	}
	engine.Close()
	if _, err := os.Stat(engine.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	w.Beat(Now()) // whoever outlives the engine writes nowhere, and does not crash
	if engine.header.goodbyeMonoNs == 0 {
		t.Error("no goodbye")
	}
}

func TestWhatIsRefusedIsARecordThatNobodyReads(t *testing.T) {
	engine := makeEngine(t)
	defer engine.Close()
	engine.Stream("").Echo(1, 2)
	engine.Worker("w", 0).Beat(Now())
	engine.Latency("l", 0).Record(time.Second)
	if !errors.Is(engine.Err(), ErrInvalid) || engine.header.slotCount != 0 {
		t.Errorf("%v, %d slots", engine.Err(), engine.header.slotCount)
	}
	_, err := NewEngine(strings.TrimSuffix(engine.Path(), ".engine.mm1"), "mm1")
	if !errors.Is(err, ErrInUse) {
		t.Errorf("a name in use: %v", err)
	}
	if _, err := (EngineOptions{SlotsMax: 1025}).NewEngine("", "mm1"); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many slots: %v", err)
	}
}

func TestGoroutinesDeclareAndCountTogether(t *testing.T) {
	engine := makeEngine(t)
	defer engine.Close()
	var wait sync.WaitGroup
	for i := 0; i < 8; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; n < 1000; n++ {
				engine.Counter("sent").Add(1)
				engine.Latency("rtt", time.Second).Record(time.Millisecond)
			}
		}()
	}
	wait.Wait()
	l := engine.Latency("rtt", time.Second)
	if sent := engine.Counter("sent").record.value; sent != 8000 || l.record.total != 8000 || engine.header.slotCount != 2 {
		t.Errorf("counted %d and %d in %d slots", sent, l.record.total, engine.header.slotCount)
	}
}

func TestAGateIsBoundToWhatWasEchoed(t *testing.T) {
	engine := makeEngine(t)
	defer engine.Close()
	id := engine.OwnID(book)
	engine.Stream(book).Echo(7, 1)
	if *id != 7 {
		t.Errorf("own id %d", *id)
	}
}

func BenchmarkEcho(b *testing.B) {
	engine, err := NewEngine(filepath.Join(b.TempDir(), "segment"), "mm1")
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	stream := engine.Stream(book)
	for i := 0; i < b.N; i++ {
		stream.Echo(uint64(i), 1)
	}
}
