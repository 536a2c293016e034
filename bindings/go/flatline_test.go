// SPDX-License-Identifier: MIT

// What the conformance tests cannot see from outside: the clock, concurrent looks, and what Close leaves.
package flatline

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

const golden = "../../tests/data/segments/"

// stage puts a golden segment under a name, by rename as the sentinel does.
func stage(t *testing.T, path, name string) {
	t.Helper()
	data, err := os.ReadFile(golden + name)
	if err == nil {
		err = os.WriteFile(path+".tmp", data, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNowIsNeverBehindTheSystemsClock(t *testing.T) {
	for i := 0; i < 100000; i++ {
		before := readMonotonic()
		if now := Now(); now < before {
			t.Fatalf("now %d is before %d", now, before)
		}
	}
}

func TestErrorsAreFoundByErrorsIs(t *testing.T) {
	if _, err := Attach("/nonexistent/segment"); !errors.Is(err, ErrNoFile) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Attach("a\x00b"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a NUL in the name: %v", err)
	}
	reader, err := Attach(golden + "running.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	_, err = reader.Gate("fersh")
	var unknown *NameError
	if !errors.Is(err, ErrUnknownName) || !errors.As(err, &unknown) || unknown.Nearest != "fresh" {
		t.Errorf("unknown name: %v", err)
	}
}

func TestOldHandlesStayReadableWhileOthersMove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "segment")
	stage(t, path, "running.bin")
	reader, err := Attach(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	held, err := reader.Stream("binance-usdm/BTCUSDT/depth@100ms")
	if err != nil {
		t.Fatal(err)
	}
	stage(t, path, "successor.bin")
	var wait sync.WaitGroup
	for i := 0; i < 8; i++ {
		wait.Add(1)
		go func(mine Stream) { // its own copy: Look moves it
			defer wait.Done()
			if mine.Look() || mine.DueID() != 99 {
				t.Errorf("moved to due_id %d", mine.DueID())
			}
		}(held)
	}
	wait.Wait()
	if reader.Epoch() != 2 || held.DueID() != 1<<53 || !held.Fresh(1_100_000_000) {
		t.Errorf("epoch %d; the handle that stayed shows %d", reader.Epoch(), held.DueID())
	}
}

func TestTextsOfNumbersFromANewerSentinel(t *testing.T) {
	if s := Fault(4711).String(); s != "?" {
		t.Error(s)
	}
	if s := WhyLapsed.String() + FaultDown.String() + Error(0).Name(); s != "LAPSEDDOWN?" {
		t.Error(s)
	}
}

func BenchmarkLookWithItsClock(b *testing.B) {
	reader, err := Attach(golden + "running.bin")
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	stream, err := reader.Stream("binance-usdm/BTCUSDT/depth@100ms")
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < b.N; i++ {
		stream.Fresh(Now())
	}
}
