package dissect

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

const (
	// talkMaxUnit is how many bytes of a stream wait for a message to be whole.
	talkMaxUnit = 128 << 10
	// talkMaxWhole is how large a message may be of which the inside is read;
	// of a larger one the bytes are passed on as they come.
	talkMaxWhole = 64 << 10
	// talkMaxAsked is how many HTTP requests wait for their answers.
	talkMaxAsked = 1024

	dnsPort = 53
)

// dialect is a protocol that one direction of a stream speaks.
type dialect uint8

const (
	unheard  dialect = iota // from the stream's first byte on, nothing recognised yet
	lost                    // what comes next is not known; it may show where a segment begins
	speakDNS                // RFC 1035, section 4.2.2
	speakTLS
	speakHTTP
	speakWS
)

// talk is what both directions of a stream that is not ours say to each
// other.
type talk struct {
	asked []asked // HTTP requests without an answer so far, the oldest first
	tls   tlsSession
	sides [2]talkSide
}

// asked is what of an HTTP request the answer's meaning depends on.
type asked struct {
	method string
	engine int // version of Engine.IO, 0 if it is none
}

// talkSide is one direction.
type talkSide struct {
	speaks  dialect
	waits   bool // has asked for another protocol, and the answer is not here
	chunks  bool // an HTTP body in chunks is under way
	engine  *engineSession
	body    int64 // an HTTP body of that many bytes follows; -1: until the end
	ws      wsSide
	tls     tlsSide
	passing *passing
}

// unit is the next message of a stream.
type unit struct {
	size   int64 // bytes; -1: until the stream ends; 0: not known yet
	name   string
	sheets []sheet
	pass   bool // its bytes need not be here, sheets are known already
}

// placeOf is a size as a place in a message. Of what is larger than a capture
// can be, it does not matter how much.
func placeOf(size int64) int { return int(min(size, math.MaxInt32)) }

// verdict is what came of looking for a unit.
type verdict uint8

const (
	found   verdict = iota
	more            // more bytes are needed
	wait            // the other direction has to answer first
	foreign         // these bytes are none of the dialect's
)

// recognise tells what begins where a segment does, in a stream of which the
// beginning was not understood.
func recognise(b []byte) dialect {
	switch yes, _ := httpStarts(b); {
	case yes:
		return speakHTTP
	case tlsRuns(b):
		return speakTLS
	case dnsWhole(b):
		return speakDNS
	case wsStarts(b):
		return speakWS
	}
	return lost
}

// tlsRuns reports whether b begins with a record, and after it with another
// if there is room.
func tlsRuns(b []byte) bool {
	if len(b) < tlsHeaderBytes || !tlsLooksRight(b) {
		return false
	}
	size := tlsHeaderBytes + int(binary.BigEndian.Uint16(b[3:]))
	return size == len(b) || size > len(b) && b[0] != tlsChange && b[0] != tlsAlert || len(b) >= size+tlsHeaderBytes && tlsLooksRight(b[size:])
}

// dnsWhole reports whether b is one DNS message of a stream.
func dnsWhole(b []byte) bool {
	if len(b) < 2+dnsHeaderBytes || int(binary.BigEndian.Uint16(b))+2 != len(b) {
		return false
	}
	_, _, ok := readDNS(b[2:])
	return ok
}

// hear tells what a stream speaks by its first bytes.
func hear(b []byte, src, dst netip.AddrPort) (dialect, verdict) {
	if len(b) >= tlsHeaderBytes && b[0] == tlsHandshake && tlsLooksRight(b) {
		return speakTLS, found
	}
	yes, maybe := httpStarts(b)
	switch {
	case yes:
		return speakHTTP, found
	case dnsWhole(b), src.Port() == dnsPort || dst.Port() == dnsPort:
		return speakDNS, found
	case maybe, len(b) < tlsHeaderBytes:
		return unheard, more
	}
	return lost, found
}

// next reads the next message of one direction.
func (t *talk) next(direction int, b []byte) (unit, verdict) {
	s := &t.sides[direction]
	switch s.speaks {
	case speakDNS:
		return nextDNS(b)
	case speakTLS:
		return s.nextTLS(t, b)
	case speakHTTP:
		return t.nextHTTP(direction, b)
	case speakWS:
		return s.nextWS(b)
	}
	return unit{}, foreign
}

func nextDNS(b []byte) (unit, verdict) {
	if len(b) < 2 {
		return unit{}, more
	}
	u := unit{size: 2 + int64(binary.BigEndian.Uint16(b)), name: "DNS message"}
	if int64(len(b)) < u.size {
		return u, more
	}
	sheets, name, ok := readDNSStream(b[:u.size])
	if !ok {
		return u, foreign
	}
	u.sheets, u.name = sheets, name
	return u, found
}

func (s *talkSide) nextTLS(t *talk, b []byte) (unit, verdict) {
	if len(b) < tlsHeaderBytes {
		return unit{}, more
	}
	if !tlsLooksRight(b) {
		return unit{}, foreign
	}
	u := unit{size: tlsHeaderBytes + int64(binary.BigEndian.Uint16(b[3:])), name: "TLS " + tlsTypes[b[0]] + " record"}
	if int64(len(b)) < u.size {
		return u, more
	}
	s.tls.session = &t.tls
	u.sheets, u.name = s.tls.record(b[:u.size])
	return u, found
}

func (s *talkSide) nextWS(b []byte) (unit, verdict) {
	f, ok, short := readWSFrame(b)
	if short {
		return unit{}, more
	}
	if !ok {
		return unit{}, foreign
	}
	u := unit{size: int64(f.header) + f.size, name: "WebSocket " + wsNames[f.opcode] + " frame"}
	if u.size > talkMaxWhole {
		u.pass = true
		u.sheets = []sheet{f.sheet(), content("message", osiApplication, f.header, placeOf(u.size), "The program's message, too large to be put together here.")}
		s.ws.tooLarge, s.ws.joined, s.ws.frames = true, nil, s.ws.frames+1
		return u, found
	}
	if int64(len(b)) < u.size {
		return u, more
	}
	u.sheets, u.name = s.ws.frame(&f, b[:u.size])
	return u, found
}

func (t *talk) nextHTTP(direction int, b []byte) (unit, verdict) {
	s := &t.sides[direction]
	switch {
	case s.waits:
		return unit{}, wait
	case s.chunks:
		return s.nextChunk(b)
	case s.body != 0:
		return s.nextBody(b)
	}
	yes, maybe := httpStarts(b)
	if !yes && !maybe {
		return unit{}, foreign
	}
	h, ok := readHTTPHead(b)
	if !ok {
		if len(b) >= httpMaxHead {
			return unit{}, foreign
		}
		return unit{name: "HTTP head"}, more
	}
	u := unit{size: int64(h.size)}
	u.sheets, u.name = h.sheets()
	if h.status > 0 {
		t.answered(direction, h)
	} else {
		t.request(direction, h)
	}
	return u, found
}

// request notes what the client will be answered, and what follows its head.
func (t *talk) request(direction int, h *httpHead) {
	s := &t.sides[direction]
	a := asked{method: h.method, engine: engineVersion(h.target)}
	if len(t.asked) >= talkMaxAsked {
		t.asked = slices.Delete(t.asked, 0, 1)
	}
	t.asked = append(t.asked, a)
	s.waits = h.upgrade != "" || h.method == "CONNECT"
	s.follow(h, a)
}

// answered notes what follows the server's head, which may be another
// protocol.
func (t *talk) answered(direction int, h *httpHead) {
	s, client := &t.sides[direction], &t.sides[1-direction]
	var a asked
	if h.status >= 200 || h.status == 101 {
		if len(t.asked) > 0 {
			a = t.asked[0]
			t.asked = slices.Delete(t.asked, 0, 1)
		}
		client.waits = false
	}
	switch {
	case h.status == 101 && h.upgrade == "websocket":
		for _, side := range []*talkSide{s, client} {
			side.speaks = speakWS
			side.ws = wsSide{deflate: h.deflate}
			if a.engine > 0 {
				side.ws.engine = &engineSession{version: a.engine}
			}
		}
	case h.status == 101:
		s.speaks, client.speaks = lost, lost
	case a.method == "CONNECT" && h.status/100 == 2:
		s.speaks, client.speaks = unheard, unheard // a tunnel: anything may come
	default:
		s.follow(h, a)
	}
}

// follow notes the body that comes after a head.
func (s *talkSide) follow(h *httpHead, a asked) {
	s.engine = nil
	if a.engine > 0 && h.encoding == "" {
		s.engine = &engineSession{version: a.engine}
	}
	s.body = h.bodyLength(a.method)
	if h.status > 0 && s.body == 0 && h.length != 0 {
		return // an answer that has none, whatever it announces
	}
	if h.chunked {
		s.body, s.chunks = 0, true
	}
	if h.bad {
		s.speaks = lost
	}
}

// nextBody reads a body whose length is known; one that carries Engine.IO is
// looked into.
func (s *talkSide) nextBody(b []byte) (unit, verdict) {
	u := unit{size: s.body, name: "HTTP body", pass: true}
	if s.engine != nil && s.body > 0 && s.body <= talkMaxWhole {
		if int64(len(b)) < s.body {
			return unit{size: s.body, name: u.name}, more
		}
		u.sheets, u.name = s.engine.polled(&s.ws.sio, b[:s.body])
		u.pass = false
	} else {
		to := placeOf(s.body)
		if s.body < 0 {
			to = placeOf(math.MaxInt64)
		}
		u.sheets = []sheet{content("HTTP body", osiApplication, 0, to, meansBody)}
	}
	s.body = 0
	return u, found
}

// nextChunk reads one chunk, or the end of the body with the fields that may
// stand there (RFC 9112, section 7.1.2).
func (s *talkSide) nextChunk(b []byte) (unit, verdict) {
	line, size, ok, short := readHTTPChunk(b)
	if short {
		return unit{}, more
	}
	if !ok {
		return unit{}, foreign
	}
	if size > 0 {
		u := unit{size: int64(line) + size + 2, name: "HTTP chunk", pass: true, sheets: chunkSheets(line, size)}
		if s.engine != nil && u.size <= talkMaxWhole {
			if int64(len(b)) < u.size {
				return unit{size: u.size, name: u.name}, more
			}
			inner, name := s.engine.polled(&s.ws.sio, b[line:line+int(size)])
			u.sheets, u.name, u.pass = append(u.sheets[:1], shift(inner, line)...), name, false
		}
		return u, found
	}
	end := trailerEnd(b, line)
	if end == 0 {
		if len(b) >= httpMaxLine {
			return unit{}, foreign
		}
		return unit{name: "HTTP end of body"}, more
	}
	s.chunks = false
	return unit{size: int64(end), name: "HTTP end of body", sheets: []sheet{
		head("HTTP chunk", osiApplication, 0, end, "A chunk of no bytes: the body ends here.", Field{"size", "0 bytes", 0, line}),
	}}, found
}

// trailerEnd returns where the fields behind the last chunk end, 0 if that is
// not in b.
func trailerEnd(b []byte, at int) int {
	for at < len(b) {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return 0
		}
		if i <= 1 {
			return at + i + 1
		}
		at += i + 1
	}
	return 0
}
