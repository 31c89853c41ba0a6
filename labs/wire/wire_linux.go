package wire

import (
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// Config says what a wire connects and how.
type Config struct {
	Interfaces  [2]string     // in this process's network namespace; direction 0 leads from the first to the second
	Impairments [2]Impairment // of the two directions
	Seed        uint64
	Identify    Identify // see the package's documentation
	Forget      bool     // keep counters only and no ledger, for a wire that stays up long

	// Hold, if it is not nil, makes a port's host wait with its packets while
	// the wire cannot keep up, or go on.
	Hold func(port int, stop bool)

	call systemCall // nil: unix.Syscall6
}

// Wire carries packets between two interfaces until it is stopped.
type Wire struct {
	lanes [2]*lane
	wg    sync.WaitGroup
}

// lane is one direction with its thread.
type lane struct {
	*thread
	direction *direction
	in, out   *port
	came      int      // packets in the round before
	departing []parcel // the direction's, due now
	passing   []parcel // of the ring, which meet no impairment
}

// Start attaches to both interfaces and begins to carry packets.
func Start(c *Config) (*Wire, error) {
	if c.call == nil {
		c.call = unix.Syscall6
	}
	ports, err := openPorts(c.Interfaces, c.call)
	if err != nil {
		return nil, err
	}
	w := &Wire{}
	for i := range w.lanes {
		t, err := newThread(c.call)
		if err != nil {
			return nil, err
		}
		w.lanes[i] = &lane{
			thread: t, direction: newDirection(i, c.Seed, c.Impairments[i], c.Identify),
			in: ports[i], out: ports[1-i],
		}
		w.lanes[i].direction.ledger.forget = c.Forget
		w.lanes[i].direction.bundles = true
		ports[i].holdBy(c.Hold, i)
	}
	for _, l := range w.lanes {
		w.wg.Go(func() { l.loop(l.round); l.takeAll() })
	}
	return w, nil
}

func openPorts(names [2]string, call systemCall) (ports [2]*port, err error) {
	for i, name := range names {
		if ports[i], err = openNamed(name, ringFrames, call); err != nil {
			if i == 1 {
				ports[0].close()
			}
			return ports, err
		}
	}
	return ports, nil
}

func openNamed(name string, frames int, call systemCall) (*port, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("wire: %s: %w", name, err)
	}
	p, err := openPort(link.Index, frames, call)
	if err != nil {
		return nil, fmt.Errorf("wire: %s: %w", name, err)
	}
	return p, nil
}

// Set changes the impairment of both directions and starts their plans
// anew. When it returns, every further packet falls under it.
func (w *Wire) Set(seed uint64, impairments [2]Impairment) error {
	for i := range impairments {
		if err := impairments[i].Validate(); err != nil {
			return err
		}
	}
	for i, l := range w.lanes {
		l.do(func() {
			l.direction.set(seed, impairments[i])
			l.direction.begin(l.now())
		})
	}
	return nil
}

// Translate puts a network address translator before the first host, with
// these mappings and no others; none takes it away. When it returns, every
// further packet meets it.
func (w *Wire) Translate(list []Translation) error {
	if err := validateTranslations(list); err != nil {
		return err
	}
	for _, l := range w.lanes {
		l.do(func() { l.direction.translations = list })
	}
	return nil
}

// Stats returns both directions' counters.
func (w *Wire) Stats() [2]Stats {
	var s [2]Stats
	for i, l := range w.lanes {
		l.do(func() {
			l.takeAll()
			s[i] = Stats{
				Counts:    l.direction.counts,
				RingDrops: l.in.drops(), Refused: l.out.refused, Bundled: l.out.outbox.bundled,
				Missing: l.direction.ledger.Missing, Held: l.direction.line.len(), Packets: l.direction.ledger.n,
			}
		})
	}
	return s
}

// Stop ends the wire and returns its ledger by direction. What is still
// under way is never delivered and has the fate Held.
func (w *Wire) Stop() [2][]Row {
	for _, l := range w.lanes {
		l.stop()
	}
	w.wg.Wait()
	var rows [2][]Row
	for i, l := range w.lanes {
		rows[i] = l.direction.ledger.Rows()
		l.in.close()
		l.close()
	}
	return rows
}

// round sends what is due and takes what has come, or waits.
func (l *lane) round() {
	l.departing = l.direction.departures(l.now(), l.departing[:0])
	l.out.send(l.departing)
	l.direction.recycle(l.departing)
	before := l.came
	if l.came = l.take(); l.came == 0 {
		l.sleep(l.direction.patience(before), []int{l.in.rx}, l.direction)
	}
}

// take takes what has come and returns how many packets it was.
func (l *lane) take() int {
	came, now := l.in.receive(l.thread)
	l.direction.load.saw(len(came), now)
	l.passing = l.passing[:0]
	for _, c := range came {
		if l.direction.passes(c.frame, c.at, now) {
			l.passing = append(l.passing, newParcel(c.frame))
		} else {
			l.direction.accept(c.frame, c.at)
		}
	}
	l.out.send(l.passing)
	return len(came)
}

// takeAll takes what lies in the ring, so that nothing that came is uncounted.
func (l *lane) takeAll() {
	for l.take() > 0 {
	}
}
