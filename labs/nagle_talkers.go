package labs

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/udpq"
)

// askingTCP and askingUDP are an application that asks in two writes, and one
// that answers when it has read both. They are bare: a server of ours
// acknowledges every event at once, and its kernel's acknowledgement rides on
// that.
var (
	askingTCP = &transport{name: "tcp", reliability: "tcp", protocol: dissect.TCP, stream: true, complete: true, alone: true, serve: answerTCP, dial: askTCP}
	askingUDP = &transport{name: "udp", reliability: string(udpq.ReliabilityNone), protocol: dissect.UDP, alone: true, serve: answerUDP, dial: askUDP}
)

// answers gathers what was asked until it can be answered.
type answers struct {
	trace func(queue.TraceEvent)
	asked []byte // events, to be sent back
}

// take reads one event, and returns the answer to those so far if it ends a
// request.
func (a *answers) take(f *framing.Frame) ([]byte, error) {
	a.trace(queue.TraceEvent{Stage: queue.Received, Origin: f.Origin, Sequence: f.Sequence})
	back := *f
	back.Kind = framing.KindEvent
	var err error
	if a.asked, err = back.Append(a.asked); err != nil || f.Sequence%2 == 1 {
		return nil, err
	}
	answer := a.asked
	a.asked = nil
	return answer, nil
}

func answerTCP(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
	l, err := h.Listen(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	return start(ctx, l, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { l.Close() })()
		c, err := l.Accept()
		if err != nil {
			return cutAs(ctx, err)
		}
		defer c.Close()
		defer context.AfterFunc(ctx, func() { c.Close() })()
		a, reader := answers{trace: s.trace}, framing.NewReader(c, framing.DefaultLimit)
		for {
			f, err := reader.Next()
			if err != nil {
				<-ctx.Done() // the client has gone
				return ctx.Err()
			}
			answer, err := a.take(&f)
			if err == nil && answer != nil {
				_, err = c.Write(answer)
			}
			if err != nil {
				return cutAs(ctx, err)
			}
		}
	}), nil
}

func answerUDP(ctx context.Context, h Host, s *serverOptions) (*runningServer, error) {
	c, err := h.ListenPacket(ctx, "udp", s.address)
	if err != nil {
		return nil, err
	}
	running := start(ctx, c, func(ctx context.Context) error {
		defer c.Close()
		defer context.AfterFunc(ctx, func() { c.Close() })()
		a, b := answers{trace: s.trace}, make([]byte, udpq.MaxDatagram)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return cutAs(ctx, err)
			}
			for f, err := range framing.Unpack(b[:n]) {
				if err != nil {
					continue
				}
				answer, err := a.take(&f)
				if err == nil && answer != nil {
					_, err = c.WriteTo(answer, from)
				}
				if err != nil {
					return cutAs(ctx, err)
				}
			}
		}
	})
	running.stats = func() udpq.Stats { return udpq.Stats{} } // it keeps none
	return running, nil
}

// eventAsker is the client's end.
type eventAsker struct {
	net.Conn
	flags    framing.Flags
	origin   uint64
	sequence uint64
	reading  sync.WaitGroup
}

func askTCP(ctx context.Context, h Host, d *dialOptions) (client, error) {
	return ask(ctx, h, d, "tcp", 0, func(c net.Conn) {
		for reader := framing.NewReader(c, framing.DefaultLimit); ; {
			f, err := reader.Next()
			if err != nil {
				return
			}
			d.onEvent(&f)
		}
	})
}

func askUDP(ctx context.Context, h Host, d *dialOptions) (client, error) {
	return ask(ctx, h, d, "udp", framing.FlagCRC, func(c net.Conn) {
		for b := make([]byte, udpq.MaxDatagram); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			for f, err := range framing.Unpack(b[:n]) {
				if err == nil {
					d.onEvent(&f)
				}
			}
		}
	})
}

func ask(ctx context.Context, h Host, d *dialOptions, network string, flags framing.Flags, read func(net.Conn)) (client, error) {
	c, err := d.open(h)(ctx, network, d.address)
	if err != nil {
		return nil, err
	}
	a := &eventAsker{Conn: c, flags: flags, origin: d.origin}
	a.reading.Go(func() { read(c) })
	return a, nil
}

// EmitAt writes one event.
func (a *eventAsker) EmitAt(t time.Time, topic string, payload []byte) (uint64, error) {
	a.sequence++
	f := framing.Frame{Kind: framing.KindEmit, Flags: a.flags, Origin: a.origin, Sequence: a.sequence, Time: uint64(t.UnixNano()), Topic: []byte(topic), Payload: payload}
	b, err := f.Append(nil)
	if err == nil {
		_, err = a.Write(b)
	}
	return a.sequence, err
}

// Subscribe is for those who have a session.
func (a *eventAsker) Subscribe(context.Context, string) (framing.Receipt, error) {
	return framing.Receipt{}, errors.ErrUnsupported
}

// Close ends the connection, and waits for what reads it.
func (a *eventAsker) Close() error {
	err := a.Conn.Close()
	a.reading.Wait()
	return err
}
