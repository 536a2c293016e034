// SPDX-License-Identifier: MIT

package flatline

import "sync/atomic"

// Stream is a look at one channel of one instrument.
type Stream struct {
	lease  *uint64 // lease_until_mono_ns, the first word of the line
	alive  *uint64
	reader *Reader
	view   *view
	index  int
}

// Gate is a look at the streams one decision needs.
type Gate struct {
	alive   *uint64
	breaker *uint64
	pause   *uint64
	members []member
	both    bool      // fresh only for an engine that has what the sentinel has
	own     OwnIDs    // nil: no engine is bound
	ids     []*uint64 // of own, one a member
	reader  *Reader
	view    *view
	index   int
}

// member is one stream of a gate. Its gate may trust it for longer or shorter than its lease says.
type member struct {
	lease    *uint64
	due      *uint64
	adjustNs uint64 // two's complement, added modulo 2^64
	stream   int
	quiet    *uint64 // quiet_until_mono_ns
	holdNs   uint64  // quiet_hold; 0: a lapse is a lapse
}

// held: the lease, as the gate sees it, ended at end, and the gate still trusts the stream: that is
// less than quiet_hold ago, and the sentinel says that it is only quiet.
func (m *member) held(end, now uint64) bool {
	return end <= now && now-end < m.holdNs && holds(atomic.LoadUint64(m.quiet), now, leaseAbsurdNs)
}

// OwnIDs finds the word that holds the newest id of a stream that the engine itself has applied, to be
// read with atomic.LoadUint64; nil: it keeps none, which counts as 0.
type OwnIDs func(stream string) *uint64

// holds: until is in the future, and not absurdly far.
func holds(until, now, absurd uint64) bool { return until-now-1 < absurd }

// Name is the stream's name.
func (s *Stream) Name() string { return s.view.streams[s.index] }

// Fresh says whether this stream may be trusted at now: two loads, two compares.
func (s *Stream) Fresh(now uint64) bool {
	return holds(atomic.LoadUint64(s.lease), now, leaseAbsurdNs) &&
		holds(atomic.LoadUint64(s.alive), now, aliveAbsurdNs)
}

// Look is Fresh now, with a second look: if the sentinel is dead or superseded, it attaches again by
// name, finds the stream there and looks again. What an engine should ask before it acts.
func (s *Stream) Look() bool {
	now := Now()
	if s.Fresh(now) {
		return true
	}
	if v := s.reader.next(s.view, now); v != nil {
		if moved, ok := v.stream(s.reader, s.Name()); ok {
			*s = moved
			return s.Fresh(Now())
		}
	}
	return false
}

// DueID is the newest id of this stream that you, too, should have seen by now; 0 is none yet.
func (s *Stream) DueID() uint64 { return s.view.u64(s.view.leaseAt(s.index) + leaseDueID) }

// OwnFresh says whether the stream is fresh and your own newest id of it is not behind: the
// sentinel's connections may live while yours is dead.
func (s *Stream) OwnFresh(lastID, now uint64) bool { return s.Fresh(now) && lastID >= s.DueID() }

// Why says why the stream is as it is at now: WhyFresh only if Fresh.
func (s *Stream) Why(now uint64) Why {
	if why := s.view.why(now); why != WhyFresh {
		return why
	}
	return s.view.whyMember(&s.view.alone[s.index], now)
}

// RevokedBy is the fault that took the lease away; FaultNone while it has one, or never had.
func (s *Stream) RevokedBy() Fault {
	at := s.view.leaseAt(s.index)
	if s.view.u64(at+leaseUntilMonoNs) != 0 {
		return FaultNone
	}
	return Fault(s.view.u64(at + leaseRevokedBy))
}

// Snapshot copies the stream's evidence from its slot, and its lease words. It fails with ErrAgain
// (torn too many times), ErrSentinelDead (torn for ever) or ErrSuperseded (attach again).
func (s *Stream) Snapshot() (detail Detail, lease Lease, err error) {
	if s.view.isOver() {
		return detail, lease, ErrSuperseded
	}
	var words [detailWords]uint64
	if err := s.view.slot(s.view.place(sectionDetails, s.index), words[:]); err != nil {
		return detail, lease, err
	}
	var line [leaseWords]uint64
	for i := range line {
		line[i] = s.view.u64(s.view.leaseAt(s.index) + 8*uint64(i))
	}
	return detailOf(&words), leaseOf(&line), nil
}

// Name is the gate's name.
func (g *Gate) Name() string { return g.view.gates[g.index].name }

// Bind holds the gate against the engine's own ids, where it requires both (`require: both` in the
// sentinel's configuration). Such a gate that is not bound is never fresh. Look binds again.
func (g *Gate) Bind(own OwnIDs) {
	if own == nil {
		g.own, g.ids = nil, nil
		return
	}
	ids := make([]*uint64, len(g.members))
	for i, m := range g.members {
		if ids[i] = own(g.view.streams[m.stream]); ids[i] == nil {
			ids[i] = new(uint64)
		}
	}
	g.own, g.ids = own, ids
}

// behind is the first member whose due id the engine has not reached, -1 if there is none.
func (g *Gate) behind() int {
	for i, id := range g.ids {
		if atomic.LoadUint64(id) < atomic.LoadUint64(g.members[i].due) {
			return i
		}
	}
	return -1
}

// Fresh says whether every stream of the gate is fresh at now, and the engine has it all where the
// gate requires both. A gate without streams never is.
func (g *Gate) Fresh(now uint64) bool {
	if len(g.members) == 0 || !holds(atomic.LoadUint64(g.alive), now, aliveAbsurdNs) {
		return false
	}
	for i := range g.members {
		m := &g.members[i]
		until := atomic.LoadUint64(m.lease)
		end := until + m.adjustNs
		if until == 0 || !holds(end, now, leaseAbsurdNs) && !m.held(end, now) {
			return false
		}
	}
	return !g.both || g.own != nil && g.behind() < 0
}

// Streams returns the names of the gate's streams.
func (g *Gate) Streams() []string {
	names := make([]string, len(g.members))
	for i, m := range g.members {
		names[i] = g.view.streams[m.stream]
	}
	return names
}

// MayQuote says whether the engine may quote at now: fresh, the breaker closed, not paused.
func (g *Gate) MayQuote(now uint64) bool {
	return g.Fresh(now) && atomic.LoadUint64(g.breaker) <= now && atomic.LoadUint64(g.pause) <= now
}

// LookQuote is MayQuote now, with a second look, as Stream.Look.
func (g *Gate) LookQuote() bool { return g.Look() && g.MayQuote(Now()) }

// QuoteWhy says why the engine may not quote at now: WhyFresh only if MayQuote.
func (g *Gate) QuoteWhy(now uint64) Why {
	if why := g.view.why(now); why != WhyFresh {
		return why
	}
	if atomic.LoadUint64(g.breaker) > now {
		return WhyBreaker
	}
	if atomic.LoadUint64(g.pause) > now {
		return WhyPaused
	}
	why, _ := g.Why(now)
	return why
}

// Advised says whether the engine is asked to do this at now. An advice ends by time alone.
func (g *Gate) Advised(kind Advice, now uint64) bool {
	return kind <= AdviceReconnect && g.view.u64(g.adviceAt(adviceBreakerUntilMonoNs, kind)) > now
}

// AdviceSerial is the newest advice of a kind that is for this gate, 0 is none: what tells a
// reconnect from the one that was made already.
func (g *Gate) AdviceSerial(kind Advice) uint64 {
	if kind > AdviceReconnect {
		return 0
	}
	return g.view.u64(g.adviceAt(adviceBreakerSerial, kind))
}

// adviceAt: the words of a line stand in the order of the kinds.
func (g *Gate) adviceAt(first uint64, kind Advice) uint64 {
	return g.view.place(sectionGateAdvice, g.index) + first + 8*uint64(kind)
}

// Look is Fresh now, with a second look, as Stream.Look.
func (g *Gate) Look() bool {
	now := Now()
	if g.Fresh(now) {
		return true
	}
	if v := g.reader.next(g.view, now); v != nil {
		if moved, ok := v.gate(g.reader, g.Name()); ok {
			own := g.own
			*g = moved
			g.Bind(own)
			return g.Fresh(Now())
		}
	}
	return false
}

// Why says why the gate is as it is at now, and which stream is in the worst trouble (the first,
// where the whole segment is; "" of a fresh gate and of an empty one).
func (g *Gate) Why(now uint64) (why Why, culprit string) {
	why = g.view.why(now)
	if len(g.members) == 0 {
		if why == WhyFresh {
			why = WhyEmptyGate
		}
		return why, ""
	}
	if why != WhyFresh {
		return why, g.view.streams[g.members[0].stream]
	}
	for i := range g.members {
		m := &g.members[i]
		if w := g.view.whyMember(m, now); weight(w) > weight(why) {
			why, culprit = w, g.view.streams[m.stream]
		}
	}
	if why != WhyFresh || !g.both {
		return why, culprit
	}
	if g.own == nil {
		return WhyEngineUnproven, g.view.streams[g.members[0].stream]
	}
	if i := g.behind(); i >= 0 {
		return WhyEngineBehind, g.view.streams[g.members[i].stream]
	}
	return why, culprit
}

// weight orders troubles: of several culprits, the worst one is named.
func weight(why Why) int {
	switch why {
	case WhyFresh:
		return 0
	case WhyUnknown:
		return 1
	case WhyLapsedQuiet:
		return 2
	case WhyLapsedSuspect:
		return 4
	case WhyRevoked:
		return 5
	case WhyAbsurd:
		return 6
	}
	return 3
}
