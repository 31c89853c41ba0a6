package disk

import "time"

// frozen is the content of a full journal file on its way into blocks.
type frozen struct {
	until uint64 // number of the first group that is not in it
	parts []part
}

type part struct {
	log    *log
	chunks []chunk
}

// freeze takes everything visible to be moved. The caller holds mu.
func (s *Store) freeze() {
	f := &frozen{until: s.journal.number}
	for _, l := range s.byID {
		l.freeze()
		if l.frozen > 0 {
			f.parts = append(f.parts, part{l, l.tail[:l.frozen:l.frozen]})
		}
	}
	s.frozen = f
}

// retryTime is how long the mover waits for room on a full disk.
const retryTime = 250 * time.Millisecond

// moveAll is the goroutine that moves what is frozen into blocks.
func (s *Store) moveAll() {
	for {
		f := s.awaitFrozen()
		if f == nil {
			return
		}
		err := s.move(f)
		if err == nil {
			continue
		}
		s.mu.Lock()
		first := s.moveErr == nil
		s.moveErr = err
		s.moving.Broadcast()
		over := s.written || s.broken != nil
		s.mu.Unlock()
		if first {
			s.log.Error("the journal cannot be moved into data files; events are refused once it is full", "folder", s.name, "err", err)
		}
		if over {
			return
		}
		s.pause()
	}
}

// pause waits for retryTime, or until the store is closed.
func (s *Store) pause() {
	t := s.clock.AfterFunc(retryTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retry = true
		s.moving.Broadcast()
	})
	defer t.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.retry && !s.written {
		s.moving.Wait()
	}
	s.retry = false
}

func (s *Store) awaitFrozen() *frozen {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.frozen == nil && !s.written {
		s.moving.Wait()
	}
	return s.frozen
}

// move writes what is frozen into a data file, says so in the state, and lets
// go of it. If it fails, nothing has changed.
func (s *Store) move(f *frozen) error {
	w := &blockWriter{number: s.nextData}
	emptied, err := s.writeBlocks(w, f)
	if err != nil {
		s.abandon(w)
		return err
	}
	u := s.beginUpdate(f.until, w.done, emptied)
	if err := s.state.add(u.records); isFull(err) {
		s.revert(u)
		s.abandon(w)
		return err
	} else if err != nil {
		s.breakDown(err) // the step may be on the disk, and the data file is then needed
		return err
	}
	snapshot := s.moved(f, w, u.dead)
	if w.f != nil {
		s.nextData++
		if err := w.f.Close(); err != nil { // it is safe already
			s.log.Warn("closing a data file", "folder", s.name, "err", err)
		}
	}
	if snapshot != nil {
		s.renew(snapshot)
	}
	return nil
}

// renew has a new state file take the place of one that has become large.
func (s *Store) renew(snapshot []byte) {
	err, fatal := s.state.replace(snapshot)
	if err == nil {
		return
	}
	s.log.Warn("the state grows on", "folder", s.name, "err", err)
	if fatal {
		s.breakDown(err)
	}
}

// breakDown refuses everything from now on.
func (s *Store) breakDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = &brokenError{err}
	}
	s.moveErr = s.broken
	s.room.Broadcast()
	s.moving.Broadcast()
}

// abandon removes a data file that could not be finished.
func (s *Store) abandon(w *blockWriter) {
	if w.f != nil {
		w.f.Close()
		s.dir.Remove(dataName(w.number)) // the next start removes it otherwise
	}
}

// writeBlocks makes a data file of what is frozen, and of what is worth moving
// out of other files, which it returns.
func (s *Store) writeBlocks(w *blockWriter, f *frozen) (emptied []*dataFile, err error) {
	for _, p := range f.parts {
		if err := s.writePart(w, p); err != nil {
			return nil, err
		}
	}
	if emptied, err = s.rescue(w); err != nil || w.f == nil {
		return emptied, err
	}
	if err := w.flush(); err != nil {
		return nil, err
	}
	if err := w.f.Sync(); err != nil {
		return nil, err
	}
	return emptied, s.dir.SyncDir()
}

// put writes a block, into a file made when there is a first.
func (s *Store) put(w *blockWriter, l *log, p *piece) (err error) {
	if w.f == nil {
		if w.f, err = s.dir.Create(dataName(w.number)); err != nil {
			w.f = nil
			return err
		}
	}
	return w.put(l, p)
}

func (s *Store) writePart(w *blockWriter, of part) error {
	s.mu.Lock()
	first, _ := of.log.frozenFirst()
	s.mu.Unlock()
	var p piece
	for i := range of.chunks {
		c := &of.chunks[i]
		if c.end() <= first {
			continue
		}
		p.add(c)
		if len(p.frames) >= blockBytes || i == len(of.chunks)-1 {
			if err := s.put(w, of.log, &p); err != nil {
				return err
			}
			p = piece{}
		}
	}
	return nil
}

// add appends a chunk, which follows.
func (p *piece) add(c *chunk) {
	if p.count == 0 {
		p.first = c.first
	}
	p.count += c.count
	p.frames = append(p.frames, c.frames...)
	if n := len(p.runs); n > 0 && p.runs[n-1].at == c.at {
		p.runs[n-1].count += c.count
	} else {
		p.runs = append(p.runs, run{c.at, c.count})
	}
}

// rescue copies the live blocks of files that are mostly dead.
func (s *Store) rescue(w *blockWriter) ([]*dataFile, error) {
	s.mu.Lock()
	wasteful := make(map[uint64]bool)
	emptied := s.library.wasteful(s.journal.size)
	for _, d := range emptied {
		wasteful[d.number] = true
	}
	var blocks []written
	if len(wasteful) > 0 {
		for _, l := range s.byID {
			for _, b := range l.blocks {
				if wasteful[b.file] {
					blocks = append(blocks, written{l, b})
				}
			}
		}
	}
	s.mu.Unlock()
	for _, b := range blocks {
		p, err := s.loadBlock(b.log, b.block)
		if err != nil {
			return nil, err
		}
		if err := s.put(w, b.log, &p); err != nil {
			return nil, err
		}
	}
	return emptied, nil
}

// loadBlock reads a block.
func (s *Store) loadBlock(l *log, b block) (piece, error) {
	s.mu.Lock()
	d, err := s.library.borrow(b.file)
	s.mu.Unlock()
	if err != nil {
		return piece{}, err
	}
	p, err := readBlock(d.f, l.id, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.library.giveBack(d)
	if err != nil {
		err = &DamageError{Dir: s.name, File: dataName(b.file), Offset: b.at, What: err.Error()}
	}
	return p, err
}

// moved puts blocks in the place of what was frozen, and discards files that
// the state does not name any more. If the state has become
// large, it returns what a new one starts with.
func (s *Store) moved(f *frozen, w *blockWriter, dead []*dataFile) (snapshot []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.f != nil {
		d := &dataFile{number: w.number, size: w.at}
		s.library.all[w.number] = d
	}
	fresh := make(map[*log][]block)
	for _, b := range w.done {
		if !s.replaceBlock(b) {
			fresh[b.log] = append(fresh[b.log], b.block)
		}
	}
	for _, p := range f.parts {
		s.library.count(fresh[p.log], +1)
		p.log.thaw(fresh[p.log])
		s.library.count(p.log.trim(p.log.first, p.log.trimmed), -1)
	}
	for _, d := range dead {
		s.library.discard(d)
	}
	s.frozen, s.moveErr, s.until = nil, nil, f.until
	s.moving.Broadcast()
	if s.state.large() {
		snapshot = s.snapshot(f.until)
	}
	return snapshot
}

// replaceBlock says where a block lies now, if the log has it already.
func (s *Store) replaceBlock(w written) bool {
	l := w.log
	i := l.findBlock(w.first)
	if i == len(l.blocks) || l.blocks[i].first != w.first {
		return w.end() <= l.first // trimmed meanwhile: it goes nowhere
	}
	s.library.count(l.blocks[i:i+1], -1)
	l.blocks = append([]block(nil), l.blocks...)
	l.blocks[i] = w.block
	s.library.count(l.blocks[i:i+1], +1)
	return true
}

// count adds blocks to what is alive in their files, or takes them away.
func (l *library) count(blocks []block, sign int64) {
	for _, b := range blocks {
		if d := l.all[b.file]; d != nil {
			d.live += sign * b.size
		}
	}
}
