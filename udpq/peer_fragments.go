package udpq

import (
	"bytes"
	"slices"
	"sync"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq/fragment"
	"rawlab/udpq/pmtu"
)

// poolBytes bounds the pieces that wait for others at a server.
const poolBytes = 64 << 20

// openFragments gets a peer what it needs for events in pieces.
func (p *peer) openFragments(hello *framing.Frame) {
	s := p.group.server
	p.cuts = s.config.Fragments != FragmentsIP && takesPieces(string(hello.Topic))
	p.path = newPath(s.config.Clock, s.config.Datagram, p.prober())
	timeout := s.config.FragmentTimeout
	switch p.rung.reliability {
	case ReliabilityAck:
		timeout = -1 // a piece that is lost comes again, or the conversation ends
	case ReliabilityNack:
		timeout = max(timeout, repairTime)
	}
	p.whole = &reassembly{
		clock: s.config.Clock, lost: p.fragmentLost,
		config: fragment.Config{Limit: MaxEmit, Timeout: timeout, Pool: s.pool},
	}
}

func (p *peer) fragmentLost(l fragment.Lost) {
	fate := queue.FateFragmentLost
	if l.Full {
		fate = queue.FateServerQueue
	}
	p.group.server.meter.Drop(fate, &framing.Frame{Origin: l.Origin, Sequence: l.Sequence})
}

// openFragment returns the frame inside once it is whole, nil before. A client speaks
// for its own origin only.
func (p *peer) openFragment(f *framing.Frame) *framing.Frame {
	s := p.group.server
	s.fragments.Add(1)
	if f.Origin != p.session.Origin() {
		s.fragmentsRefused.Add(1)
		return nil
	}
	before := p.whole.refused.Load()
	inner, err := p.whole.accept(f)
	s.fragmentsRefused.Add(p.whole.refused.Load() - before)
	if err != nil || inner != nil && inner.Kind != framing.KindEmit {
		s.meter.Drop(queue.FateFrameInvalid, f)
		return nil
	}
	return inner
}

// prober returns what sends probes, nil if there is no use in them.
func (p *peer) prober() func(pmtu.Probe) error {
	config := &p.group.server.config
	if !p.cuts && config.PackBudget != PackAuto || p.group.socket.prober == nil {
		return nil
	}
	return func(probe pmtu.Probe) error {
		p.pace.take(1, probe.Size)
		return p.group.socket.probe(padded(probe, 0), p.to.Load())
	}
}

// budget is what frames may take of a datagram.
func (p *peer) budget() int {
	return max(int(p.path.size.Load()), p.group.server.config.PackBudget) - p.rung.headerBytes()
}

// isOver reports whether the frame that comes next must be cut.
func (p *peer) isOver(frames []byte) bool {
	if !p.cuts {
		return false
	}
	size := frameSize(frames)
	if size+p.rung.headerBytes() <= pmtu.Base {
		return false
	}
	p.path.use()
	return size > p.budget()
}

// packBudget is what frames may share of a datagram, when so many bytes wait.
func (p *peer) packBudget(waiting int) int {
	wanted := p.group.server.config.PackBudget
	if wanted != PackAuto {
		return wanted - p.rung.headerBytes()
	}
	if waiting > pmtu.Base {
		p.path.use()
	}
	return p.budget()
}

// cut returns the datagrams that carry a frame.
func (p *peer) cut(frame []byte) (f framing.Frame, datagrams []byte, sizes []int) {
	f, _, err := framing.Parse(frame, len(frame))
	if err != nil {
		panic("udpq: frame out of the queue unreadable: " + err.Error())
	}
	datagrams, sizes = p.cutter.cut(p.group.server.config.Clock.Now(), frame, f.Origin, f.Sequence, p.budget())
	return f, datagrams, sizes
}

// sendCut sends a frame in pieces.
func (p *peer) sendCut(frame []byte) {
	_, b, sizes := p.cut(frame)
	var refused error
	p.group.socket.sendAll(b, sizes, p.to.Load(), func(_ []byte, err error) {
		if refused == nil {
			refused = err
		}
	})
	p.account(frame, refused)
}

// underway is the events that a link has, in part, as pieces: their frames
// without payload. It is safe for concurrent use.
type underway struct {
	mu     sync.Mutex
	events map[fragment.ID][]byte
}

func (u *underway) put(f framing.Frame) {
	f.Payload = nil
	b, err := f.Append(nil)
	if err != nil {
		panic("udpq: own frame cannot be encoded: " + err.Error())
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.events == nil {
		u.events = make(map[fragment.ID][]byte)
	}
	u.events[fragment.ID{Origin: f.Origin, Sequence: f.Sequence}] = b
}

// take returns an event, nil if it is not there.
func (u *underway) take(id fragment.ID) []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := u.events[id]
	delete(u.events, id)
	return b
}

// rest takes all.
func (u *underway) rest() (frames []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, b := range u.events {
		frames = append(frames, b...)
	}
	clear(u.events)
	return frames
}

// postCut sends a frame in pieces over the link. With wait, each waits for
// room.
func (p *peer) postCut(frame []byte, wait bool) {
	f, b, sizes := p.cut(frame)
	b, sizes = bytes.Clone(b), slices.Clone(sizes) // while it waits, replies may be cut
	p.underway.put(f)
	p.link.posting(&f)
	for _, n := range sizes {
		if wait && !p.awaitRoom() || p.link.post(b[:n]) != nil {
			p.session.LoseFrames(p.underway.take(fragment.ID{Origin: f.Origin, Sequence: f.Sequence}))
			return
		}
		b = b[n:]
	}
}

// sent says of the frames of a datagram that they left for the first time, if
// the system has taken them. An
// event in pieces leaves with the last of them.
func (p *peer) sent(frames []byte, taken bool) {
	for len(frames) > 0 {
		n := frameSize(frames)
		f, _, err := framing.Parse(frames[:n], n)
		if err != nil || f.Kind != framing.KindFragment {
			p.session.SentFrames(frames[:n], taken)
		} else if piece, err := framing.ParseFragment(f.Payload); err == nil && (!taken || int(piece.Position)+len(piece.Piece) == int(piece.Total)) {
			p.session.SentFrames(p.underway.take(fragment.ID{Origin: f.Origin, Sequence: f.Sequence}), taken)
		}
		frames = frames[n:]
	}
}
