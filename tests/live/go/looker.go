// SPDX-License-Identifier: MIT

// As ../looker.c, in Go: looks at a gate until SIGTERM and prints one JSON object.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"flatline"
)

const (
	looksABurst = 64
	kept        = 8
)

type tally struct {
	Language   string   `json:"language"`
	Looks      uint64   `json:"looks"`
	Closed     uint64   `json:"closed"`
	Errors     uint64   `json:"errors"`
	FirstEpoch uint64   `json:"first_epoch"`
	LastEpoch  uint64   `json:"last_epoch"`
	Moves      uint64   `json:"moves"`
	Skipped    uint64   `json:"skipped"`
	Longest    int64    `json:"longest_move_us"`
	Whys       []string `json:"whys"`
}

func (t *tally) look(reader *flatline.Reader, gate *flatline.Gate) {
	start := time.Now()
	if !gate.Look() {
		t.Closed++
		if len(t.Whys) < kept {
			why, _ := gate.Why(flatline.Now())
			t.Whys = append(t.Whys, fmt.Sprintf("%s in epoch %d at %d", why, reader.Epoch(), flatline.Now()))
		}
	}
	took := time.Since(start).Microseconds()
	t.Looks++
	if epoch := reader.Epoch(); epoch != t.LastEpoch {
		t.Moves++
		if epoch != t.LastEpoch+1 {
			t.Skipped++
		}
		t.LastEpoch = epoch
		if took > t.Longest {
			t.Longest = took
		}
	}
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: looker SEGMENT GATE STREAM")
		os.Exit(2)
	}
	var stop atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() { <-signals; stop.Store(true) }()

	reader, err := flatline.Attach(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	gate, err := reader.Gate(os.Args[2])
	stream, streamErr := reader.Stream(os.Args[3])
	if err != nil || streamErr != nil {
		fmt.Fprintln(os.Stderr, err, streamErr)
		os.Exit(1)
	}
	t := tally{Language: "Go", FirstEpoch: reader.Epoch(), LastEpoch: reader.Epoch(), Whys: []string{}}
	for !stop.Load() {
		for i := 0; i < looksABurst; i++ {
			t.look(reader, &gate)
		}
		if !stream.Look() {
			t.Closed++
		}
		_, _, err := stream.Snapshot()
		if err != nil && !errors.Is(err, flatline.ErrAgain) && !errors.Is(err, flatline.ErrSuperseded) {
			t.Errors++
		}
		time.Sleep(50 * time.Microsecond)
	}
	line, _ := json.Marshal(t)
	fmt.Println(string(line))
}
