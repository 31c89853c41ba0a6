package dissect

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/google/gopacket/layers"

	"rawlab/framing"
)

const (
	// maxOpen is how many messages wait for missing pieces at once.
	maxOpen = 1024
	// fragmentTimeout is how long a datagram waits for its fragments, as in
	// Linux (net.ipv4.ipfrag_time).
	fragmentTimeout = 30 * time.Second
)

// message is put together out of pieces that come in any order.
type message struct {
	pieces  []piece // by position, none twice
	total   int     // bytes when whole; -1 while unknown
	bytes   int     // here so far
	first   time.Time
	in      arrival // the last piece's, with the ports of the first fragment
	headers Headers // in.h points here
	sample  Frame   // of our own fragments: flow and transport
}

type piece struct {
	at   int
	data []byte
	runs []run // who carried it, positions within the message
}

// add takes one piece. It refuses one that contradicts those already here:
// then another message has taken the same name.
func (m *message) add(p piece) bool {
	i, found := slices.BinarySearchFunc(m.pieces, p.at, func(x piece, at int) int { return cmp.Compare(x.at, at) })
	if found {
		return bytes.Equal(m.pieces[i].data, p.data)
	}
	m.pieces = slices.Insert(m.pieces, i, p)
	m.bytes += len(p.data)
	return true
}

func (m *message) whole() bool { return m.bytes == m.total && m.prefix() == m.total }

// prefix returns how many bytes from the beginning on are here.
func (m *message) prefix() int {
	end := 0
	for _, p := range m.pieces {
		if p.at != end {
			break
		}
		end += len(p.data)
	}
	return end
}

// join returns the bytes from the beginning up to the first hole, and who
// carried which of all.
func (m *message) join() (b []byte, runs []run) {
	b = make([]byte, 0, m.prefix())
	for _, p := range m.pieces {
		if p.at == len(b) {
			b = append(b, p.data...)
		}
		runs = append(runs, p.runs...)
	}
	return b, runs
}

// collector holds messages by name until they are whole.
type collector[K comparable] struct {
	open   map[K]*message
	order  []K // oldest first
	giveUp func(*message)
}

// at returns the message of a name, made if needed.
func (c *collector[K]) at(k K) *message {
	if m := c.open[k]; m != nil {
		return m
	}
	if len(c.order) >= maxOpen {
		c.drop(c.order[0])
	}
	if c.open == nil {
		c.open = map[K]*message{}
	}
	m := &message{total: -1}
	c.open[k] = m
	c.order = append(c.order, k)
	return m
}

// take removes a message.
func (c *collector[K]) take(k K) *message {
	m := c.open[k]
	delete(c.open, k)
	if i := slices.Index(c.order, k); i >= 0 {
		c.order = slices.Delete(c.order, i, i+1)
	}
	return m
}

// drop gives up waiting for a message.
func (c *collector[K]) drop(k K) { c.giveUp(c.take(k)) }

func (c *collector[K]) drain() {
	for len(c.order) > 0 {
		c.drop(c.order[0])
	}
}

// addFragment takes an IP fragment of a UDP datagram, and if messages are
// asked for of any other. No stream is followed through fragments: no kernel
// sends TCP in them unasked.
func (a *Assembler) addFragment(in arrival, data []byte) {
	h := in.h
	if h.Protocol != UDP && a.o.Messages == nil || in.damaged {
		return
	}
	key := datagramKey{h.Src.Addr(), h.Dst.Addr(), h.ID, h.Protocol}
	p := piece{at: h.FragmentOffset, data: bytes.Clone(data[h.segment.from:h.segment.to])}
	p.runs = []run{{at: p.at, length: len(p.data), packet: in.packet, from: h.segment.from}}
	m := a.datagrams.at(key)
	if len(m.pieces) > 0 && in.time.Sub(m.first) > fragmentTimeout || !m.add(p) {
		a.datagrams.drop(key)
		m = a.datagrams.at(key)
		m.add(p)
	}
	if m.first.IsZero() {
		m.first = in.time
	}
	m.arrive(in)
	if !h.More {
		m.total = p.at + len(p.data)
	}
	if m.whole() {
		a.datagram(a.datagrams.take(key))
	}
}

// arrive keeps what is needed of a fragment's headers: the ports, which only
// the first one has, and the time of the last.
func (m *message) arrive(in arrival) {
	if in.h.FragmentOffset == 0 || !m.in.set() {
		m.headers = *in.h
		m.headers.Payload = nil
	}
	m.in = in
	m.in.h = &m.headers
}

func (in arrival) set() bool { return in.h != nil }

// datagram unpacks a datagram put together from fragments, or what is here
// of it.
func (a *Assembler) datagram(m *message) {
	b, runs := m.join()
	a.whole(m, b, runs)
	if m.in.h.Protocol != UDP {
		return
	}
	if len(b) < udpHeaderBytes {
		a.stats.Gaps++ // the first fragment is missing, and with it who speaks
		return
	}
	h := &m.headers
	whole := m.whole()
	m.in.damaged = whole && transportChecksum(h.Src.Addr(), h.Dst.Addr(), layers.IPProtocolUDP, b) == ChecksumBad
	if !whole {
		a.stats.Gaps++
		a.stats.Missing += max(h.PayloadLength+udpHeaderBytes-m.bytes, 0)
	}
	for i := range runs {
		runs[i].at -= udpHeaderBytes
	}
	length := max(h.PayloadLength, len(b)-udpHeaderBytes)
	a.unpack(datagram{payload: b[udpHeaderBytes:], length: length, runs: runs, first: m.first, in: m.in})
}

// pieceKey names a frame of ours while its fragments come in.
type pieceKey struct {
	src, dst         netip.AddrPort
	origin, sequence uint64
}

// addPiece takes a fragment frame, whose bytes are b, and reports the frame
// inside once all of it is here.
func (a *Assembler) addPiece(f *Frame, b []byte) {
	if f.Kind != framing.KindFragment {
		return
	}
	got, _, _ := framing.Parse(b, a.o.Limit)
	body, err := framing.ParseFragment(got.Payload)
	if err != nil || int64(body.Total) > int64(a.o.Limit) {
		return
	}
	key := pieceKey{f.Src, f.Dst, f.Origin, f.Sequence}
	at := int(body.Position)
	p := piece{at: at, data: bytes.Clone(body.Piece)}
	p.runs = pieceRuns(f, at, len(body.Piece))
	m := a.pieces.at(key)
	if !m.add(p) || m.total >= 0 && m.total != int(body.Total) {
		a.pieces.drop(key)
		m = a.pieces.at(key)
		m.add(p)
	}
	if m.first.IsZero() {
		m.first = f.First
	}
	m.total = int(body.Total)
	m.sample = Frame{Transport: f.Transport, Src: f.Src, Dst: f.Dst, Last: f.Last}
	if m.whole() {
		a.inner(a.pieces.take(key))
	}
}

// pieceRuns says which packets carried the piece of a fragment frame: it
// stands at the frame's end, before the checksum.
func pieceRuns(f *Frame, at, length int) []run {
	end := f.Length
	if f.Flags&framing.FlagCRC != 0 {
		end -= crcSize
	}
	start := end - length
	var runs []run
	for _, p := range f.Parts {
		lo, hi := max(p.At, start), min(p.At+p.To-p.From, end)
		if lo < hi && !p.Retransmission && !p.Damaged {
			runs = append(runs, run{at: at + lo - start, length: hi - lo, packet: p.Packet, from: p.From + lo - p.At})
		}
	}
	return runs
}

// inner reports the frame that fragment frames carried, or what is here of
// it.
func (a *Assembler) inner(m *message) {
	b, runs := m.join()
	f := a.newFrame()
	*f = m.sample
	f.First, f.Length, f.Fragments = m.first, m.total, len(m.pieces)
	if m.whole() {
		a.decode(f, b)
	} else {
		f.Err = &GapError{Missing: m.total - m.bytes}
		f.claim(b)
	}
	f.Parts = a.partsOf(runs, 0, m.total)
	if len(f.Parts) > 0 {
		a.found = append(a.found, f)
	}
}
