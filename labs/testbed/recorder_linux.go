package testbed

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"

	"rawlab/capture"
	"rawlab/capture/pcapng"
	"rawlab/labs/host"
)

// recorder captures at every host's interface into one file.
type recorder struct {
	name  string
	file  *os.File
	rings []*capture.Ring
	wg    sync.WaitGroup
	end   sync.Once

	mu      sync.Mutex
	writer  *pcapng.Writer
	packets uint64
	err     error // the first
}

// newRecorder begins; the file is its own from now on.
func newRecorder(name string, file *os.File, hosts []*host.Host) (*recorder, error) {
	r := &recorder{name: name, file: file}
	var err error
	r.writer, err = pcapng.NewWriter(file, pcapng.Section{OS: runtime.GOOS, Application: "rawlab"})
	for _, h := range hosts {
		if err == nil {
			err = r.add(h)
		}
	}
	if err == nil {
		err = r.writer.Flush()
	}
	if err != nil {
		r.stop()
		return nil, err
	}
	for i, ring := range r.rings {
		r.wg.Go(func() { r.read(i, ring) })
	}
	return r, nil
}

func (r *recorder) add(h *host.Host) error {
	var ring *capture.Ring
	err := h.Do(func() (err error) {
		ring, err = capture.OpenRing(&capture.RingConfig{Interface: host.Interface})
		return err
	})
	if err != nil {
		return err
	}
	r.rings = append(r.rings, ring)
	_, err = r.writer.AddInterface(pcapng.Interface{Name: h.Name, LinkType: pcapng.LinkEthernet})
	return err
}

func (r *recorder) read(index int, ring *capture.Ring) {
	for {
		batch, err := ring.Read(context.Background())
		for i := range batch {
			r.write(index, &batch[i])
		}
		r.flush()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.fail(err)
			}
			return
		}
	}
}

func (r *recorder) write(index int, p *capture.Packet) {
	flags := uint32(pcapng.FlagInbound)
	if p.Outgoing {
		flags = pcapng.FlagOutbound
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	r.err = r.writer.WritePacket(&pcapng.Packet{Interface: index, Time: p.Time, Data: p.Data, Length: p.Length, Flags: flags})
	r.packets++
}

// flush puts out what came, so that whoever reads along sees it.
func (r *recorder) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = r.writer.Flush()
	}
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// came tells what has come so far.
func (r *recorder) came() Capture {
	c := Capture{File: r.name}
	for _, ring := range r.rings {
		if s, err := ring.Stats(); err == nil {
			c.Dropped += s.Dropped
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Packets = r.packets
	return c
}

// stop ends the capture with everything that came before in the file. It may
// be called again.
func (r *recorder) stop() (c Capture, err error) {
	for _, ring := range r.rings {
		ring.Stop()
	}
	r.wg.Wait()
	c = r.came()
	r.end.Do(func() {
		for _, ring := range r.rings {
			r.fail(ring.Close())
		}
		r.fail(r.file.Close())
	})
	return c, r.err
}

// record serves a client's capture: until it says stop or leaves, or for
// good.
func (k *keeper) record(p *peer, q *captureRequest, file *os.File) error {
	if q.Stay {
		return k.recordForGood(p, q, file)
	}
	own, err := duplicate(file)
	if err != nil {
		return err
	}
	r, err := newRecorder(q.File, own, k.network.hosts)
	if err != nil {
		return err
	}
	if err := p.out.Encode(&reply{Started: true}); err != nil {
		r.stop()
		return err
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		p.in.Decode(new(order)) // stop, or the end of the conversation
	}()
	select {
	case <-asked:
	case <-k.ending:
		<-k.gone // the programs' last words belong to it
	}
	c, err := r.stop()
	if err != nil {
		return err
	}
	return p.out.Encode(&reply{Ended: true, Capture: &c})
}

func (k *keeper) recordForGood(p *peer, q *captureRequest, file *os.File) error {
	own, err := duplicate(file)
	if err != nil {
		return err
	}
	r, err := newRecorder(q.File, own, k.network.hosts)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.capture = r
	k.mu.Unlock()
	return p.out.Encode(&reply{Started: true})
}
