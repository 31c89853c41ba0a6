package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
)

// TallyFile counts the packets of a capture file, on every CPU. What it
// returns is what a [Tally] comes to that is given one packet after the other:
// when an error ends it, all packets before that in the file. Its errors are
// those of [pcapng.Reader.Next], and [ErrShrunk]; when ctx is done it ends
// without one.
func TallyFile(ctx context.Context, file *os.File) (*Tally, error) {
	b, unmap, err := mapFile(file)
	if err != nil { // then it is read
		reader, err := pcapng.NewReader(file)
		if err != nil {
			return nil, err
		}
		return tallyShared(ctx, reader, nil, &Tally{})
	}
	defer unmap()
	return tallyMapped(ctx, b, pcapng.ChunkBytes)
}

// tallyMapped counts the packets of a file that is in memory, as far as may
// be in pieces of so many bytes.
func tallyMapped(ctx context.Context, b []byte, piece int) (*Tally, error) {
	var reader *pcapng.Reader
	err := safely(func() (err error) { reader, err = pcapng.NewBytesReader(b); return err })
	if err != nil {
		return nil, err
	}
	return tallyShared(ctx, reader, b, tallyGuessed(ctx, reader, b, piece))
}

// ErrShrunk says that a file lost bytes while it was read.
var ErrShrunk = errors.New("the capture file became shorter while it was read")

// safely calls f, which reads a mapped file: where that has lost the page,
// there is a fault.
func safely(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = ErrShrunk
		default:
			panic(r)
		}
	}()
	return f()
}

// tallyShared has a goroutine for each CPU count chunks, of a file that is
// mapped if b is not nil. What was counted before is in total.
func tallyShared(ctx context.Context, reader *pcapng.Reader, b []byte, total *Tally) (*Tally, error) {
	s := shared{ctx: ctx, mapped: b, reader: reader, total: total, done: make(map[int]*part)}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(s.work)
	}
	wg.Wait()
	if errors.Is(s.err, io.EOF) || ctx.Err() != nil {
		return s.total, nil
	}
	return s.total, s.err
}

// shared is a file that several goroutines count, a chunk at a time.
type shared struct {
	ctx    context.Context
	mapped []byte // nil: the file is read

	mu     sync.Mutex // for all below
	reader *pcapng.Reader
	taken  int           // chunks so far
	added  int           // chunks so far that total has
	done   map[int]*part // counted, but not those before; at most one for each goroutine
	total  *Tally
	err    error // the first in the file; what is behind it does not count
}

// part is what one chunk came to.
type part struct {
	Tally
	err error
}

// work counts chunks until there are no more.
func (s *shared) work() {
	var chunk pcapng.Chunk
	parsers := make(map[uint16]*dissect.Parser) // they take long to make
	for {
		number, ok := s.take(&chunk)
		if !ok {
			return
		}
		from := int(chunk.Offset())
		p := &part{Tally: Tally{parsers: parsers}}
		p.err = safely(func() error { return p.chunk(&chunk) })
		release(s.mapped, from, int(chunk.Offset()))
		s.mu.Lock()
		s.add(number, p)
		s.mu.Unlock()
	}
}

// take gives the caller the next chunk.
func (s *shared) take(c *pcapng.Chunk) (number int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || s.ctx.Err() != nil {
		return 0, false
	}
	number = s.taken
	s.taken++
	if err := safely(func() error { return s.reader.NextChunk(c) }); err != nil {
		s.add(number, &part{err: err})
		return 0, false
	}
	return number, true
}

// chunk counts a chunk.
func (t *Tally) chunk(c *pcapng.Chunk) error {
	var raw pcapng.Raw
	err := c.Next(&raw)
	if err != nil {
		return ended(err)
	}
	t.First = c.Time(&raw)
	var l likes
	defer func() { // what was counted stands, even if the file is no longer there
		t.Last = c.Time(&raw)
		l.settle(t)
	}()
	for ; err == nil; err = c.Next(&raw) {
		l.count(t, c.LinkType(&raw), &raw)
	}
	return ended(err)
}

func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// add adds a chunk to the total, once all before it are there.
func (s *shared) add(number int, p *part) {
	s.done[number] = p
	for s.err == nil && s.done[s.added] != nil {
		p := s.done[s.added]
		delete(s.done, s.added)
		s.added++
		s.total.merge(&p.Tally)
		s.err = p.err
	}
}
