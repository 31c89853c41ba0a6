package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"rawlab/internal/machine"
)

// greeting is the first line that a server process writes.
type greeting struct {
	Addr string `json:"addr"`
}

// report is what a server process writes for each line that it reads.
type report struct {
	CPU       int64             `json:"cpu_ns"` // used since its start
	Received  uint64            `json:"received"`
	Forwarded uint64            `json:"forwarded"`
	Dropped   map[string]uint64 `json:"dropped"`
}

// server is one transport's server, as Serve needs it.
type server struct {
	addr  string
	serve func(context.Context) error
	stats func() report
}

// Serve is what the server's process does: it serves the transport on a free
// port of loopback, writes the address to out, then answers every line read
// from in with its counters. It ends when in does, so that no server is left
// behind when the benchmark dies.
func Serve(ctx context.Context, transport string, in io.Reader, out io.Writer) error {
	s, err := newServer(transport)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	talked := make(chan error, 1) // its one result
	go func() {                   // may outlive this call by a read that nothing can end; so does its process
		talked <- s.talk(in, out)
		cancel()
	}()
	if err := s.serve(ctx); err != nil {
		return fmt.Errorf("%s server: %w", transport, err)
	}
	select {
	case err = <-talked:
		return err
	default:
		return ctx.Err()
	}
}

func (s *server) talk(in io.Reader, out io.Writer) error {
	e := json.NewEncoder(out)
	if err := e.Encode(greeting{Addr: s.addr}); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		r := s.stats()
		cpu, err := machine.CPUTime()
		if err != nil {
			return err
		}
		r.CPU = int64(cpu)
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}
