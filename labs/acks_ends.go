package labs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"

	"rawlab/capture/account"
	"rawlab/framing"
)

// eventID is who an event is from, and which of his.
type eventID = account.ID

// identities yields those of frames that lie end to end.
func identities(frames []byte) iter.Seq[eventID] {
	return func(yield func(eventID) bool) {
		for len(frames) > 0 {
			f, n, err := framing.Parse(frames, len(frames))
			if err != nil || !yield(eventID{Origin: f.Origin, Sequence: f.Sequence}) {
				return
			}
			frames = frames[n:]
		}
	}
}

// talker speaks the protocol frame by frame, so that it can be stopped between
// any two.
type talker struct {
	conn   net.Conn
	reader *framing.Reader
}

// talk connects and says hello.
func talk(ctx context.Context, b *bench, origin uint64, name string) (talker, error) {
	conn, err := b.hosts[account.Client].Dial(ctx, "tcp", b.options.serverAddress())
	if err != nil {
		return talker{}, err
	}
	t := talker{conn, framing.NewReader(conn, framing.DefaultLimit)}
	body, err := (&framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version, Name: []byte(name)}).Append(nil)
	if err == nil {
		err = t.say(&framing.Frame{Kind: framing.KindHello, Origin: origin, Payload: body})
	}
	if err == nil {
		_, err = t.await(framing.KindWelcome)
	}
	return t, err
}

func (t *talker) say(f *framing.Frame) error {
	b, err := f.Append(nil)
	if err == nil {
		_, err = t.conn.Write(b)
	}
	return err
}

// await reads the next frame, which must be of a kind.
func (t *talker) await(kind framing.Kind) (framing.Frame, error) {
	f, err := t.reader.Next()
	switch {
	case err != nil:
		return f, fmt.Errorf("no %v came: %w", kind, err)
	case f.Kind != kind:
		return f, fmt.Errorf("a %v came, %s, and no %v", f.Kind, f.Payload, kind)
	}
	return f, nil
}

// die closes the socket, as the kernel does for a process that is gone.
func (t *talker) die() error {
	if t.conn == nil {
		return nil
	}
	err := t.conn.Close()
	t.conn = nil
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// publisher is the emitter. Its fields but the talker are what it keeps on a
// disk of its own.
type publisher struct {
	talker
	a        *acking
	origin   uint64
	sequence uint64
	births   uint64 // connections so far
	open     uint64 // the event that nobody has acknowledged yet, by its number in the lab; 0: none
	openAs   uint64 // and its sequence
}

// start connects. Without an identity kept, who connects is somebody new.
func (p *publisher) start(ctx context.Context) (err error) {
	if p.births++; p.births > 1 && !p.a.known {
		p.origin, p.sequence = listenerID+p.births-1, 0
	}
	p.talker, err = talk(ctx, p.a.b, p.origin, "")
	return err
}

// emit emits the next event and, if the promise is to, waits for its
// acknowledgement.
func (p *publisher) emit() error {
	if err := p.write(true); err != nil {
		return err
	}
	return p.acknowledged()
}

// write writes an event: the next one, or once more the one that is open.
func (p *publisher) write(fresh bool) error {
	a := p.a
	if fresh {
		a.emitted++
		p.open = uint64(a.emitted)
	}
	if fresh || !a.known {
		p.sequence++
		p.openAs = p.sequence
	}
	id, now := eventID{Origin: p.origin, Sequence: p.openAs}, a.b.clock.Now()
	if fresh {
		a.b.emitting(id, now)
	}
	f := framing.Frame{
		Kind: framing.KindEmit, Origin: id.Origin, Sequence: id.Sequence, Time: uint64(now.UnixNano()), Topic: []byte(topic),
		Payload: binary.BigEndian.AppendUint64(nil, p.open),
	}
	f.Payload = append(f.Payload, alphabet(a.b.options.Size-len(f.Payload))...)
	if a.again {
		f.Flags = framing.FlagWantAck
	}
	return p.say(&f)
}

// acknowledged waits for the acknowledgement of what is open.
func (p *publisher) acknowledged() error {
	if !p.a.again {
		p.open = 0
		return nil
	}
	f, err := p.await(framing.KindAck)
	if err == nil && f.Sequence != p.openAs {
		err = fmt.Errorf("event %d was acknowledged, and not %d", f.Sequence, p.openAs)
	}
	p.open = 0
	return err
}

// repeat emits again what is open, if the promise is to.
func (p *publisher) repeat() error {
	if !p.a.again || p.open == 0 {
		p.open = 0
		return nil
	}
	if err := p.write(false); err != nil {
		return err
	}
	return p.acknowledged()
}

// subscriber is the other end. What it knows is on a disk of its own.
type subscriber struct {
	talker
	a      *acking
	known  map[eventID]bool // worked on; with the promise to know events again
	births int
}

// start connects under the subscriber's name, and subscribes.
func (s *subscriber) start(ctx context.Context) (err error) {
	if s.talker, err = talk(ctx, s.a.b, listenerID, "bob"); err != nil {
		return err
	}
	wish := framing.Subscribe{Delivery: s.a.wish}
	if err := s.say(&framing.Frame{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte(topic), Payload: wish.Append(nil)}); err != nil {
		return err
	}
	f, err := s.await(framing.KindReceipt)
	if err != nil {
		return err
	}
	receipt, err := framing.ParseReceipt(f.Payload)
	if s.births++; s.births > 1 {
		s.a.receipts = append(s.a.receipts, receipt)
	}
	return err
}

// workUpTo takes events until the one of a number has been worked on.
func (s *subscriber) workUpTo(number int) error {
	for {
		f, err := s.await(framing.KindEvent)
		if err != nil {
			return err
		}
		if err := errors.Join(s.work(&f), s.acknowledge(&f)); err != nil {
			return err
		}
		if binary.BigEndian.Uint64(f.Payload) == uint64(number) {
			return nil
		}
	}
}

// halfWork does the first of two steps with the next event: who gives events
// up first has not worked on it, who works first has not acknowledged it.
func (s *subscriber) halfWork() error {
	f, err := s.await(framing.KindEvent)
	if err != nil {
		return err
	}
	if s.a.before {
		s.a.b.perish(s.a.b.emission(f.Payload))
		return nil
	}
	return s.work(&f)
}

// work is what the application does with an event, unless it knows that it has
// done it before.
func (s *subscriber) work(f *framing.Frame) error {
	if len(f.Payload) < 8 {
		return fmt.Errorf("an event of %d bytes: %w", len(f.Payload), io.ErrUnexpectedEOF)
	}
	id := eventID{Origin: f.Origin, Sequence: f.Sequence}
	if s.a.promise.known && s.known[id] {
		s.a.repeats++
		return nil
	}
	s.known[id] = true
	s.a.b.delivered(s.a.b.emission(f.Payload))
	return nil
}

// acknowledge says that the event is done with. At most once, the server has
// given it up when it sent it.
func (s *subscriber) acknowledge(f *framing.Frame) error {
	if s.a.before {
		return nil
	}
	return s.say(&framing.Frame{Kind: framing.KindAck, Flags: framing.FlagOffset, Offset: f.Offset, Topic: f.Topic})
}
