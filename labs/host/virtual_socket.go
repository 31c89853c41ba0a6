package host

import (
	"bytes"
	"io"
	"net"
	"os"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/waiter"

	"rawlab/internal/clock"
)

// vsocket is a socket of a virtual host: what connections, listeners and
// datagram sockets have in common. The loop of virtual time alone uses it,
// but for the fields that say otherwise.
type vsocket struct {
	host    *VirtualHost
	id      uint64 // in the order of making, by which requests are sorted
	network string // "tcp" or "udp"
	ep      tcpip.Endpoint
	wq      *waiter.Queue
	entry   waiter.Entry
	local   net.Addr // set before the socket is anybody's, constant then
	remote  net.Addr

	parked    [kinds][]*request
	deadlines [kinds]vdeadline
	closed    bool
	isWoken   bool // guarded by vtime.mu
}

type vdeadline struct {
	passed bool
	timer  clock.Timer
}

// newSocket wraps an endpoint. It is called on the loop.
func (h *VirtualHost) newSocket(network string, ep tcpip.Endpoint, wq *waiter.Queue) *vsocket {
	h.time.sockets++
	s := &vsocket{host: h, id: h.time.sockets, network: network, ep: ep, wq: wq}
	// EventErr as well: an ICMP error wakes a reader although there is nothing to read.
	s.entry.Init(s, waiter.ReadableEvents|waiter.WritableEvents|waiter.EventErr|waiter.EventHUp)
	wq.EventRegister(&s.entry)
	h.time.open[s.id] = s
	return s
}

// NotifyEvent is the stack's news that something may be possible now.
func (s *vsocket) NotifyEvent(waiter.EventMask) { s.host.time.wake(s) }

// perform asks for an operation and waits until it can be done, the
// deadline passes or the socket is closed.
func (s *vsocket) perform(r *request, operate func() (done bool, err error)) error {
	r.socket = s.id
	var failed error
	r.try = func() bool {
		switch {
		case s.closed:
			failed = net.ErrClosed
			return true
		case s.host.time.failed() != nil:
			failed = s.host.time.failed()
			return true
		case s.deadlines[r.kind].passed:
			failed = os.ErrDeadlineExceeded
			return true
		}
		done, err := operate()
		if !done && err == nil {
			s.parked[r.kind] = append(s.parked[r.kind], r)
			return false
		}
		failed = err
		return true
	}
	if err := s.host.time.ask(r); err != nil {
		return err
	}
	return failed
}

// unpark takes the requests that wait, to be tried again.
func (s *vsocket) unpark(k kind) []*request {
	p := s.parked[k]
	s.parked[k] = nil
	return p
}

// retry lets what waits be tried again, in the next round.
func (s *vsocket) retry() { s.host.time.wake(s) }

// opError tells of which socket an error is.
func (s *vsocket) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: s.network, Source: s.local, Addr: s.remote, Err: err}
}

// read reads once; with from, it tells where a datagram is from.
func (s *vsocket) read(b []byte, from *tcpip.FullAddress) (int, error) {
	n := 0
	err := s.perform(&request{kind: kindRead}, func() (bool, error) {
		w := tcpip.SliceWriter(b)
		result, err := s.ep.Read(&w, tcpip.ReadOptions{NeedRemoteAddr: from != nil})
		if wouldBlock(err) {
			return false, nil
		}
		n = result.Count
		if from != nil {
			*from = result.RemoteAddr
		}
		if n == 0 && s.network == "udp" && result.Total == 0 {
			if _, empty := err.(*tcpip.ErrBadBuffer); empty {
				return true, nil // a datagram without payload
			}
		}
		return true, errno(err)
	})
	return n, s.opError("read", err)
}

// write writes all of b: a stream may take it in parts.
func (s *vsocket) write(b []byte, to *tcpip.FullAddress) (int, error) {
	n := 0
	r := &request{kind: kindWrite, data: b}
	if to != nil {
		r.remote = string(to.Addr.AsSlice()) + string([]byte{byte(to.Port >> 8), byte(to.Port)})
	}
	var reader bytes.Reader
	err := s.perform(r, func() (bool, error) {
		for {
			reader.Reset(b[n:])
			wrote, err := s.ep.Write(&reader, tcpip.WriteOptions{To: to})
			n += int(wrote)
			switch {
			case wouldBlock(err):
				return false, nil
			case err != nil || n == len(b) || s.network == "udp":
				return true, errno(err)
			}
		}
	})
	return n, s.opError("write", err)
}

// Close ends the socket and whatever waits on it.
func (s *vsocket) Close() error {
	already := false
	err := s.host.time.doFor(s.id, func() {
		if already = s.closed; already {
			return
		}
		s.closed = true
		delete(s.host.time.open, s.id)
		for k := range s.deadlines {
			s.setDeadline(kind(k), time.Time{})
		}
		s.ep.Close()
		s.retry()
	})
	if already {
		return s.opError("close", net.ErrClosed)
	}
	return err
}

// LocalAddr returns this end's address.
func (s *vsocket) LocalAddr() net.Addr { return s.local }

// RemoteAddr returns the other end's address, nil if there is none.
func (s *vsocket) RemoteAddr() net.Addr { return s.remote }

// SetDeadline sets both deadlines, in the lab's time.
func (s *vsocket) SetDeadline(t time.Time) error { return s.limit(t, kindRead, kindWrite) }

// SetReadDeadline sets the deadline of reading or accepting.
func (s *vsocket) SetReadDeadline(t time.Time) error { return s.limit(t, kindRead) }

// SetWriteDeadline sets the deadline of writing.
func (s *vsocket) SetWriteDeadline(t time.Time) error { return s.limit(t, kindWrite) }

func (s *vsocket) limit(t time.Time, which ...kind) error {
	var failed error
	err := s.host.time.doFor(s.id, func() {
		if s.closed {
			failed = net.ErrClosed
			return
		}
		for _, k := range which {
			s.setDeadline(k, t)
		}
		s.retry()
	})
	if err == nil {
		err = failed
	}
	return s.opError("set", err)
}

func (s *vsocket) setDeadline(k kind, t time.Time) {
	d := &s.deadlines[k]
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	left := t.Sub(s.host.time.clock.Now())
	d.passed = !t.IsZero() && left <= 0
	if !t.IsZero() && left > 0 {
		d.timer = s.host.time.clock.Call(left, func() {
			d.passed = true
			s.retry()
		})
	}
}

// setReceiveBuffer sets how many bytes may wait to be read.
func (s *vsocket) setReceiveBuffer(size int) error {
	return s.host.time.doFor(s.id, func() { s.ep.SocketOptions().SetReceiveBufferSize(int64(size), true) })
}

// SetReadBuffer sets how many bytes may wait to be read.
func (s *vsocket) SetReadBuffer(size int) error { return s.setReceiveBuffer(size) }

// memory tells what waits to be read.
func (s *vsocket) memory() (m Memory, err error) {
	err = s.host.time.doFor(s.id, func() {
		waiting, fault := s.ep.GetSockOptInt(tcpip.ReceiveQueueSizeOption)
		if fault == nil {
			m.Waiting = waiting
		}
		m.Limit = int(s.ep.SocketOptions().GetReceiveBufferSize())
	})
	return m, err
}
