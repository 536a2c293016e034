// SPDX-License-Identifier: MIT

// The smallest market maker that respects a gate, in Go: examples/c/toy_engine.c says what it does.
//
//	toy_engine_go [SEGMENT] GATE
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"flatline"
)

// feed is a stream of the gate, and our echo of it. Having no feed of its own, it takes what the sentinel
// has seen.
type feed struct {
	stream flatline.Stream
	told   *flatline.EngineStream
}

func (f *feed) echo() {
	f.stream.Look()
	if seen, _, err := f.stream.Snapshot(); err == nil { // else torn, or the sentinel has gone: next time
		f.told.Echo(seen.FrontierID, seen.LastRecvMonoNs)
	}
}

// order is advice that MayQuote obeys, and our word that it was.
type order struct {
	kind   flatline.Advice
	told   *flatline.EngineAdvice
	serial uint64
}

func (o *order) acknowledge(gate *flatline.Gate) {
	if serial := gate.AdviceSerial(o.kind); serial != o.serial {
		o.serial = serial
		o.told.Done(serial, flatline.Now())
	}
}

type toy struct {
	gate   flatline.Gate
	engine *flatline.Engine
	told   *flatline.EngineGate
	feeds  []*feed
	orders []*order
	quotes uint64
	open   bool
}

func newToy(reader *flatline.Reader, gate flatline.Gate, engine *flatline.Engine) *toy {
	t := &toy{gate: gate, engine: engine, told: engine.Gate(gate.Name())}
	t.gate.Bind(engine.OwnID)
	for _, name := range gate.Streams() {
		stream, err := reader.Stream(name)
		if err == nil {
			t.feeds = append(t.feeds, &feed{stream, engine.Stream(name)})
		}
	}
	for _, kind := range []flatline.Advice{flatline.AdviceBreaker, flatline.AdvicePause} {
		t.orders = append(t.orders, &order{kind: kind, told: engine.Advice(kind.Meaning())})
	}
	return t
}

// turn looks, and quotes while it may; the moment it may not, it pulls.
func (t *toy) turn() {
	for _, f := range t.feeds {
		f.echo()
	}
	if may := t.gate.LookQuote(); may != t.open {
		t.open = may
		t.change(flatline.Now())
	}
	for _, o := range t.orders {
		o.acknowledge(&t.gate)
	}
	if t.open {
		t.quotes++
	}
}

func (t *toy) change(now uint64) {
	state := "closed"
	t.told.Seen(t.open, now)
	if t.open {
		state = "open"
		t.told.Quoting()
	} else {
		t.told.Pulled(now)
	}
	_, stream := t.gate.Why(now)
	fmt.Printf(`{"mono_ns":%d,"gate":"%s","why":"%s","stream":"%s","quotes":%d}`+"\n",
		now, state, t.gate.QuoteWhy(now), stream, t.quotes)
}

// quote turns, once a millisecond, until it is asked to stop. A ticker drops the turns that were missed.
func (t *toy) quote(asked <-chan os.Signal) {
	loop := t.engine.Worker("loop", 20*time.Millisecond)
	defer loop.Done()
	for ticker := time.NewTicker(time.Millisecond); ; <-ticker.C {
		loop.Beat(flatline.Now())
		t.turn()
		select {
		case number := <-asked:
			switch number {
			case syscall.SIGUSR1:
				panic("asked to panic")
			case syscall.SIGUSR2:
				time.Sleep(2 * time.Second)
			default:
				return
			}
		default:
		}
	}
}

// survive waits until it is asked to stop, if the loop has panicked: an engine is more than one loop.
func survive(asked <-chan os.Signal) {
	if recover() != nil {
		for number := range asked {
			if number == syscall.SIGINT || number == syscall.SIGTERM {
				return
			}
		}
	}
}

// attachPatiently keeps asking: the sentinel may start after us. nil: asked to stop meanwhile.
func attachPatiently(segment string, asked <-chan os.Signal) *flatline.Reader {
	for {
		if reader, err := flatline.Attach(segment); err == nil {
			return reader
		}
		select {
		case <-asked:
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func run(segment, gateName string, asked <-chan os.Signal) int {
	reader := attachPatiently(segment, asked)
	if reader == nil {
		return 0
	}
	defer reader.Close()
	gate, err := reader.Gate(gateName)
	var unknown *flatline.NameError
	if errors.As(err, &unknown) {
		if unknown.Nearest == "" {
			unknown.Nearest = "none"
		}
		fmt.Fprintf(os.Stderr, "no gate %s; nearest: %s\n", gateName, unknown.Nearest)
		return 2
	}
	name := regexp.MustCompile("[^0-9A-Za-z]").ReplaceAllString(fmt.Sprintf("toy-%.27s", gateName), "-")
	engine, err := flatline.NewEngine(segment, name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "gate %s: %v\n", gateName, err)
		return 1
	}
	defer engine.Close()
	defer survive(asked)
	newToy(reader, gate, engine).quote(asked)
	return 0
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: toy_engine_go [SEGMENT] GATE")
		os.Exit(2)
	}
	segment := ""
	if len(os.Args) == 3 {
		segment = os.Args[1]
	}
	asked := make(chan os.Signal, 8)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	os.Exit(run(segment, os.Args[len(os.Args)-1], asked))
}
