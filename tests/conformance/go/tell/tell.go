// SPDX-License-Identifier: MIT

// An engine in Go tells: one command a line on standard input, one JSON object a line on standard output.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"flatline"
)

// told is what the commands work on: one engine, its records in the order they were declared in.
type told struct {
	engine  *flatline.Engine
	records []any
}

func nameOf(err error) string {
	var code flatline.Error
	if errors.As(err, &code) {
		return code.Name()
	}
	return "OK"
}

func (t *told) create(segment, name string) string {
	t.close()
	engine, err := flatline.NewEngine(segment, name)
	t.engine = engine
	return nameOf(err)
}

func (t *told) close() {
	if t.engine != nil {
		t.engine.Close()
	}
	t.engine, t.records = nil, nil
}

func (t *told) declare(kind string, parameter uint64, name string) string {
	var record any
	switch kind {
	case "stream":
		record = t.engine.Stream(name)
	case "worker":
		record = t.engine.Worker(name, time.Duration(parameter))
	case "instrument":
		record = t.engine.Instrument(name)
	case "counter":
		record = t.engine.Counter(name)
	case "gauge":
		record = t.engine.Gauge(name)
	case "latency":
		record = t.engine.Latency(name, time.Duration(parameter))
	case "orders":
		record = t.engine.Orders(name)
	case "key":
		record = t.engine.Key(name)
	case "gate":
		record = t.engine.Gate(name)
	case "advice":
		record = t.engine.Advice(name)
	}
	t.records = append(t.records, record)
	return nameOf(t.engine.Err())
}

// stress echoes both halves alike, n for both words, for so long.
func stress(stream *flatline.EngineStream, span time.Duration) {
	n := uint64(1)
	for end := time.Now().Add(span); time.Now().Before(end); {
		for i := 0; i < 1000; i++ {
			stream.Echo(n<<32|n, n<<32|n)
			n = n%0x7fffffff + 1
		}
	}
}

func timeEcho(stream *flatline.EngineStream, count uint64) string {
	start := flatline.Now()
	for i := uint64(0); i < count; i++ {
		stream.Echo(i, start)
	}
	return fmt.Sprintf(`{"ns":%d}`, flatline.Now()-start)
}

func number(words []string, i int) uint64 {
	if i >= len(words) {
		return 0
	}
	signed, err := strconv.ParseInt(words[i], 10, 64)
	if err == nil {
		return uint64(signed)
	}
	value, _ := strconv.ParseUint(words[i], 10, 64)
	return value
}

func after(line string, words int) string {
	parts := strings.SplitN(line, " ", words+1)
	if len(parts) <= words {
		return ""
	}
	return parts[words]
}

// write obeys a command on a record. Its numbers: n(2) is the first behind the record's.
func (t *told) write(line string) string {
	words := strings.Fields(line)
	n := func(i int) uint64 { return number(words, i) }
	record := t.records[n(1)]
	switch words[0] {
	case "echo":
		record.(*flatline.EngineStream).Echo(n(2), n(3))
	case "beat":
		record.(*flatline.Worker).Beat(n(2))
	case "idle":
		record.(*flatline.Worker).Idle(n(2))
	case "exit":
		record.(*flatline.Worker).Exit(n(2))
	case "restart":
		record.(*flatline.Worker).Restart(n(2))
	case "error":
		record.(*flatline.Worker).Error(after(line, 2))
	case "panic":
		record.(*flatline.Worker).Panic(after(line, 3), n(2))
	case "quote":
		record.(*flatline.Instrument).Quote(int64(n(2)), int64(n(3)), n(4))
	case "action":
		record.(*flatline.Instrument).OrderAction(n(2), n(3))
	case "position":
		record.(*flatline.Instrument).Position(int64(n(2)), int64(n(3)))
	case "count":
		record.(*flatline.Counter).Add(n(2))
	case "gauge":
		record.(*flatline.Gauge).Set(int64(n(2)), n(3))
	case "latency":
		record.(*flatline.Latency).Record(time.Duration(n(2)))
	case "sent":
		record.(*flatline.Orders).Sent(n(2))
	case "seen":
		record.(*flatline.Orders).Seen(n(2), n(3))
	case "extended":
		record.(*flatline.Key).Extended(n(2), n(3))
	case "proven":
		record.(*flatline.Key).Proven(n(2))
	case "failed":
		record.(*flatline.Key).Failed()
	case "gate_seen":
		record.(*flatline.EngineGate).Seen(n(2) != 0, n(3))
	case "quoting":
		record.(*flatline.EngineGate).Quoting()
	case "pulled":
		record.(*flatline.EngineGate).Pulled(n(2))
	case "done":
		record.(*flatline.EngineAdvice).Done(n(2), n(3))
	case "stress":
		stress(record.(*flatline.EngineStream), time.Duration(n(2))*time.Millisecond)
	case "time":
		return timeEcho(record.(*flatline.EngineStream), n(2))
	default:
		panic(line + "?")
	}
	return said(words[0], "OK")
}

func said(key, what string) string { return fmt.Sprintf(`{"%s":"%s"}`, key, what) }

func (t *told) obey(line string) string {
	words := strings.SplitN(line, " ", 4)
	switch words[0] {
	case "create":
		return said("create", t.create(words[1], after(line, 2)))
	case "declare":
		return said("declare", t.declare(words[1], number(words, 2), after(line, 3)))
	case "close":
		t.close()
		return said("close", "OK")
	}
	return t.write(line)
}

func main() {
	var t told
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(t.obey(lines.Text()))
	}
	t.close()
}
