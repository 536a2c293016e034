// SPDX-License-Identifier: MIT

// The Go reader answers: one command a line on standard input, one JSON object a line on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"flatline"
)

type answer map[string]any

// asked is what the commands work on: one reader, one stream, one gate.
type asked struct {
	reader *flatline.Reader
	stream flatline.Stream
	gate   flatline.Gate
	ids    map[string]*uint64
}

func nameOf(err error) string {
	var code flatline.Error
	if err == nil {
		return "OK"
	}
	if errors.As(err, &code) {
		return code.Name()
	}
	return err.Error()
}

func (a *asked) attach(path string) answer {
	if a.reader != nil {
		a.reader.Close()
		a.reader = nil
	}
	reader, err := flatline.Attach(path)
	if err != nil {
		return answer{"attach": nameOf(err)}
	}
	a.reader = reader
	return answer{"attach": "OK", "epoch": reader.Epoch(), "streams": reader.Streams(), "gates": reader.Gates()}
}

func found(err error) answer {
	var unknown *flatline.NameError
	if !errors.As(err, &unknown) {
		return answer{"find": "OK"}
	}
	if unknown.Nearest == "" {
		return answer{"find": nameOf(err), "nearest": nil}
	}
	return answer{"find": nameOf(err), "nearest": unknown.Nearest}
}

func (a *asked) find(name string) answer {
	stream, err := a.reader.Stream(name)
	if err == nil {
		a.stream = stream
	}
	return found(err)
}

func (a *asked) findGate(name string) answer {
	gate, err := a.reader.Gate(name)
	if err == nil {
		a.gate = gate
	}
	return found(err)
}

// idOf is the word with the engine's own newest id of a stream.
func (a *asked) idOf(name string) *uint64 {
	if a.ids == nil {
		a.ids = map[string]*uint64{}
	}
	if a.ids[name] == nil {
		a.ids[name] = new(uint64)
	}
	return a.ids[name]
}

func (a *asked) own(name string, lastID uint64) answer {
	atomic.StoreUint64(a.idOf(name), lastID)
	return answer{"own": "OK"}
}

func (a *asked) bind() answer {
	a.gate.Bind(a.idOf)
	return answer{"bind": "OK"}
}

func (a *asked) ask(now, lastID uint64) answer {
	s := &a.stream
	return answer{"fresh": s.Fresh(now), "why": s.Why(now).String(), "due_id": s.DueID(),
		"own_fresh": s.OwnFresh(lastID, now), "revoked_by": uint64(s.RevokedBy())}
}

func (a *asked) askGate(now uint64) answer {
	why, culprit := a.gate.Why(now)
	out := answer{"fresh": a.gate.Fresh(now), "why": why.String(), "culprit": nil}
	if culprit != "" {
		out["culprit"] = culprit
	}
	return out
}

func (a *asked) askQuote(now uint64) answer {
	var advised, serials []uint64
	for kind := flatline.AdviceBreaker; kind <= flatline.AdviceReconnect; kind++ {
		var is uint64
		if a.gate.Advised(kind, now) {
			is = 1
		}
		advised, serials = append(advised, is), append(serials, a.gate.AdviceSerial(kind))
	}
	return answer{"may_quote": a.gate.MayQuote(now), "why": a.gate.QuoteWhy(now).String(),
		"advised": advised, "serials": serials}
}

// fields lists the words of a copy in their order.
func fields(copied any) (words []any) {
	value := reflect.ValueOf(copied)
	for i := 0; i < value.NumField(); i++ {
		words = append(words, value.Field(i).Interface())
	}
	return words
}

func (a *asked) snapshot() answer {
	detail, lease, err := a.stream.Snapshot()
	if err != nil {
		return answer{"snapshot": nameOf(err)}
	}
	return answer{"snapshot": "OK", "detail": fields(detail), "lease": fields(lease)}
}

func (a *asked) reattach() answer {
	anew, err := a.reader.Reattach()
	switch {
	case err != nil:
		return answer{"reattach": nameOf(err)}
	case anew:
		return answer{"reattach": "ANEW"}
	}
	return answer{"reattach": "NO"}
}

// isTorn: every word of the stress writer's slot but its sequence holds one number.
func isTorn(detail *flatline.Detail) bool {
	words := unsafe.Slice((*uint64)(unsafe.Pointer(detail)), unsafe.Sizeof(*detail)/8)
	for _, word := range words[2 : unsafe.Offsetof(detail.Unproven)/8] {
		if word != words[1] {
			return true
		}
	}
	return false
}

func (a *asked) stress(seconds uint64) answer {
	var snapshots, torn, again, changes, last uint64
	for end := flatline.Now() + seconds*1e9; flatline.Now() < end; {
		if due := a.stream.DueID(); due>>32 != due&0xffffffff {
			torn++
		}
		detail, _, err := a.stream.Snapshot()
		if err != nil {
			again++
			continue
		}
		snapshots++
		if isTorn(&detail) {
			torn++
		}
		if detail.Frames != last {
			changes++
		}
		last = detail.Frames
	}
	return answer{"snapshots": snapshots, "torn": torn, "again": again, "changes": changes}
}

// What a look costs with its clock.
func (a *asked) time(count uint64) answer {
	var fresh uint64
	start := flatline.Now()
	for i := uint64(0); i < count; i++ {
		if a.stream.Fresh(flatline.Now()) {
			fresh++
		}
	}
	return answer{"ns": flatline.Now() - start, "fresh": fresh}
}

func (a *asked) timeGate(count uint64) answer {
	var fresh uint64
	start := flatline.Now()
	for i := uint64(0); i < count; i++ {
		if a.gate.Fresh(flatline.Now()) {
			fresh++
		}
	}
	return answer{"ns": flatline.Now() - start, "fresh": fresh}
}

func (a *asked) obey(line string) answer {
	words := append(strings.Fields(line), "", "")
	number := func(i int) uint64 {
		value, err := strconv.ParseUint(words[i], 10, 64)
		if err != nil {
			panic(err)
		}
		return value
	}
	switch words[0] {
	case "attach":
		return a.attach(words[1])
	case "find":
		return a.find(words[1])
	case "find_gate":
		return a.findGate(words[1])
	case "own":
		return a.own(words[1], number(2))
	case "bind":
		return a.bind()
	case "ask":
		return a.ask(number(1), number(2))
	case "ask_gate":
		return a.askGate(number(1))
	case "ask_quote":
		return a.askQuote(number(1))
	case "snapshot":
		return a.snapshot()
	case "reattach":
		return a.reattach()
	case "look":
		return answer{"look": a.stream.Look()}
	case "look_gate":
		return answer{"look": a.gate.Look()}
	case "stress":
		return a.stress(number(1))
	case "time":
		return a.time(number(1))
	case "time_gate":
		return a.timeGate(number(1))
	}
	panic(line + "?")
}

func main() {
	var a asked
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text, err := json.Marshal(a.obey(lines.Text()))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}
