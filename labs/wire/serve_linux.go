package wire

import (
	"encoding/gob"
	"errors"
	"io"
	"runtime"

	"golang.org/x/sys/unix"
)

// The wire runs in a process of its own, so that nothing the lab does, its
// garbage collection least of all, delays a packet. Requests and replies
// travel as gob over the process's standard input and output.

type request struct {
	Start       *startRequest
	StartSwitch *SwitchConfig
	Set         bool
	Seed        uint64
	Impairments [2]Impairment // of a switch's link: up and down
	Link        int           // of a switch, for Set
	Stop        bool

	Translate    bool // of a wire
	Translations []Translation
}

type startRequest struct {
	Interfaces  [2]string
	Impairments [2]Impairment
	Seed        uint64
	Forget      bool
}

type reply struct {
	Err   string
	Stats [2]Stats
	Rows  [2][]Row // only the answer to Stop
	Links []LinkStats
	Taken []LinkRows // only the answer to Stop
}

// carrier is a wire or a switch, as its process sees it.
type carrier interface {
	obey(q *request, p *reply) error // Set, Stop, or tell the counters
}

// Serve is the wire's process, or the switch's: it obeys requests from r
// until r ends or a stop is asked for. See [Config] for identify and hold.
func Serve(r io.Reader, w io.Writer, identify Identify, hold func(port int, stop bool)) error {
	in, out := gob.NewDecoder(r), gob.NewEncoder(w)
	var c carrier
	for {
		var q request
		if err := in.Decode(&q); err != nil {
			if c != nil {
				c.obey(&request{Stop: true}, &reply{})
			}
			return err
		}
		var p reply
		var err error
		switch {
		case q.Start != nil || q.StartSwitch != nil:
			c, err = begin(&q, identify, hold)
		case c == nil:
			err = errors.New("wire: not started")
		default:
			err = c.obey(&q, &p)
		}
		p.Err = text(err)
		if err := out.Encode(&p); err != nil {
			return err
		}
		if q.Stop {
			return nil
		}
	}
}

// begin starts what a request asks for.
func begin(q *request, identify Identify, hold func(port int, stop bool)) (carrier, error) {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2) // for the wire's threads; see systemCall
	if q.StartSwitch != nil {
		q.StartSwitch.Identify, q.StartSwitch.Hold, q.StartSwitch.call = identify, hold, unix.RawSyscall6
		s, err := StartSwitch(q.StartSwitch)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	w, err := Start(&Config{
		Interfaces: q.Start.Interfaces, Impairments: q.Start.Impairments, Seed: q.Start.Seed,
		Forget: q.Start.Forget, Identify: identify, Hold: hold, call: unix.RawSyscall6,
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Wire) obey(q *request, p *reply) error {
	if q.Set {
		return w.Set(q.Seed, q.Impairments)
	}
	if q.Translate {
		return w.Translate(q.Translations)
	}
	p.Stats = w.Stats()
	if q.Stop {
		p.Rows = w.Stop()
	}
	return nil
}

func (s *Switch) obey(q *request, p *reply) error {
	if q.Set {
		return s.Set(q.Link, q.Seed, q.Impairments[0], q.Impairments[1])
	}
	p.Links = s.Stats()
	if q.Stop {
		p.Taken = s.Stop()
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
