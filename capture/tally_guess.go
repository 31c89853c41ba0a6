package capture

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
)

// guessing is a file in memory that goroutines count in pieces, each from
// where a block seems to begin in it, so that nobody has to look for all
// blocks before. A count is taken where the one before it ends at that block;
// otherwise the piece is counted again.
type guessing struct {
	ctx    context.Context
	file   []byte
	reader *pcapng.Reader // is not moved
	start  int64          // of the first piece
	piece  int64          // bytes of each
	next   atomic.Int64   // the piece to be taken
	ended  atomic.Bool    // where only the reader can go on

	mu    sync.Mutex // for all below
	added int64      // pieces so far that total has
	at    int64      // all blocks before it are in total
	done  map[int64]*guess
	total *Tally
}

// guess is what the blocks in [from, to) came to.
type guess struct {
	Tally
	from, to int64
}

// tallyGuessed counts as much of a file as guesses lead to, in pieces of so
// many bytes, and has the reader go on behind that.
func tallyGuessed(ctx context.Context, reader *pcapng.Reader, file []byte, piece int) *Tally {
	if err := safely(reader.Preamble); err != nil || !reader.Guessable() {
		return &Tally{} // for the reader to tell
	}
	g := guessing{ctx: ctx, file: file, reader: reader, piece: int64(piece), start: reader.Position(), done: make(map[int64]*guess), total: &Tally{}}
	g.at = g.start
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(g.work)
	}
	wg.Wait()
	reader.Advance(g.at, g.total.Packets)
	return g.total
}

// work counts pieces until there are no more.
func (g *guessing) work() {
	parsers := make(map[uint16]*dissect.Parser) // they take long to make
	for !g.ended.Load() && g.ctx.Err() == nil {
		number := g.next.Add(1) - 1
		from, until := g.extent(number)
		if from >= until {
			return
		}
		p := g.count(from, until, g.reader.Guess, parsers)
		release(g.file, int(from), int(until))
		g.mu.Lock()
		g.add(number, p, parsers)
		g.mu.Unlock()
	}
}

// extent returns where a piece begins and ends.
func (g *guessing) extent(number int64) (from, until int64) {
	from = g.start + number*g.piece
	return from, min(from+g.piece, int64(len(g.file)))
}

// count counts the blocks that begin in [from, until), as far as it can.
func (g *guessing) count(from, until int64, fill func(*pcapng.Chunk, int64, int64), parsers map[uint16]*dissect.Parser) *guess {
	p := &guess{Tally: Tally{parsers: parsers}, from: from, to: from}
	safely(func() error { // what makes it fail, the reader finds again
		var chunk pcapng.Chunk
		fill(&chunk, from, until)
		p.from = chunk.Offset()
		err := p.Tally.chunk(&chunk)
		p.to = chunk.Offset()
		return err
	})
	return p
}

// add adds a piece to the total, once all before it are there. The parsers are
// the caller's.
func (g *guessing) add(number int64, p *guess, parsers map[uint16]*dissect.Parser) {
	g.done[number] = p
	for !g.ended.Load() && g.done[g.added] != nil {
		p := g.done[g.added]
		_, until := g.extent(g.added)
		delete(g.done, g.added)
		g.added++
		if g.at >= until { // a long block of an earlier piece takes all of it
			continue
		}
		if p.from != g.at || p.to < until {
			p = g.count(g.at, until, g.reader.From, parsers)
		}
		g.total.merge(&p.Tally)
		if g.at = p.to; g.at < until {
			g.ended.Store(true)
		}
	}
}
