package disk

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rawlab/internal/clock"
)

const lockName = "LOCK"

// Open opens the store in a folder, or makes one there. It fails with
// [*InUseError] if another process has it, and with [*DamageError] if its
// files are not what was written: nothing is changed then.
func Open(dir string, config *Config) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	taken, err := lock(f)
	if err == nil && !taken {
		err = &InUseError{dir}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	s, err := openFiles(dir, folder(dir), config)
	if err != nil {
		f.Close()
		return nil, err
	}
	s.lock = f
	return s, nil
}

// openFiles is Open without the lock.
func openFiles(name string, d files, config *Config) (*Store, error) {
	var c Config
	if config != nil {
		c = *config
	}
	s := &Store{
		name: name, dir: d, log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)), clock: clock.Or(c.Clock),
		logs: make(map[string]*log), gather: newGroup(0), answers: make(chan *group, 4), nextData: 1,
		library: library{dir: d, all: make(map[uint64]*dataFile)},
		journal: &journal{size: int64(pages(int(max(minJournalBytes, cmp.Or(c.JournalBytes, DefaultJournalBytes)))))},
	}
	s.work.L, s.room.L, s.moving.L = &s.mu, &s.mu, &s.mu
	if err := s.recover(); err != nil {
		if e, ok := errors.AsType[*DamageError](err); ok {
			e.Dir = name
		}
		return nil, errors.Join(err, s.release())
	}
	s.running.Go(s.write)
	s.running.Go(s.answerAll)
	s.running.Go(s.moveAll)
	return s, nil
}

// recover reads what is there and makes it ready to be added to: what the
// journal holds moves into blocks, so that the journal starts empty.
func (s *Store) recover() error {
	names, err := s.dir.List()
	if err != nil {
		return err
	}
	number, err := s.stateNumber(names)
	if err != nil {
		return err
	}
	if number == 0 {
		return s.make(names)
	}
	if err := s.readState(number); err != nil {
		return err
	}
	if err := s.findData(names); err != nil {
		return err
	}
	if err := s.checkData(); err != nil {
		return err
	}
	if err := s.replayJournal(); err != nil {
		return err
	}
	s.cleanUp(names)
	s.summarize()
	return s.startJournal()
}

// stateNumber returns the number of the state file to read, 0 in a new folder.
func (s *Store) stateNumber(names []string) (uint64, error) {
	number := uint64(0)
	for _, name := range names {
		number = max(number, numbered(name, "state-"))
	}
	if number > 0 {
		return number, nil
	}
	for _, name := range names {
		switch {
		case name == lockName, strings.HasSuffix(name, tmp):
		case strings.HasPrefix(name, "data-"):
			return 0, &DamageError{File: name, What: withoutState}
		case strings.HasPrefix(name, "journal-"):
			b, err := readAll(s.dir, name)
			if err != nil {
				return 0, err
			}
			if len(bytes.Trim(b, "\x00")) > 0 {
				return 0, &DamageError{File: name, What: withoutState}
			}
		default:
			return 0, fmt.Errorf("%s holds other files (%s), and no queue; choose an empty folder", s.name, name)
		}
	}
	return 0, nil
}

const withoutState = "it holds events, but the file state-… that belongs to it is missing"

// numbered returns the number behind a prefix of a file's name, 0 if it has
// another name.
func numbered(name, prefix string) uint64 {
	digits, ok := strings.CutPrefix(name, prefix)
	n := uint64(0)
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0
		}
		n = 10*n + uint64(d-'0')
	}
	if !ok {
		return 0
	}
	return n
}

// make makes a new store. The state comes last: without it there is none.
func (s *Store) make(names []string) (err error) {
	for _, name := range names {
		if name != lockName {
			if err := s.dir.Remove(name); err != nil {
				return err
			}
		}
	}
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	s.epoch = max(1, binary.BigEndian.Uint64(b[:]))
	s.until, s.opened.Made = 1, true
	if err := s.startJournal(); err != nil {
		return err
	}
	s.state, err = makeState(s.dir, 1, s.snapshot(s.until))
	return err
}

func (s *Store) readState(number uint64) error {
	var torn string
	var err error
	s.state, torn, err = readState(s.dir, number, s.apply)
	if err != nil {
		return err
	}
	s.warn(torn)
	for _, l := range s.byID {
		if !l.whole() {
			return &DamageError{File: stateName(number), What: fmt.Sprintf("topic %q: its blocks do not hold events %d to %d", l.name, l.first, l.next-1)}
		}
		l.freeze()
		l.touched, l.origins.saved = false, l.origins.tick
		clear(l.moved)
	}
	return nil
}

func (s *Store) warn(torn string) {
	if torn != "" {
		s.log.Warn(torn, "folder", s.name)
	}
}

// findData makes sure that the files of all blocks are there.
func (s *Store) findData(names []string) error {
	for _, name := range names {
		if n := numbered(name, "data-"); n > 0 {
			s.nextData = max(s.nextData, n+1)
			f, err := s.dir.Open(name)
			if err != nil {
				return err
			}
			size, err := f.Size()
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			s.library.all[n] = &dataFile{number: n, size: size}
		}
	}
	for _, l := range s.byID {
		s.library.count(l.blocks, +1)
		for _, b := range l.blocks {
			if s.library.all[b.file] == nil {
				return &DamageError{File: dataName(b.file), What: fmt.Sprintf("the file is missing; it holds events %d to %d of topic %q", b.first, b.end()-1, l.name)}
			}
		}
	}
	return nil
}

// checkData reads every block, file by file.
func (s *Store) checkData() error {
	var all []written
	for _, l := range s.byID {
		for _, b := range l.blocks {
			all = append(all, written{l, b})
		}
	}
	slices.SortFunc(all, func(a, b written) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.at, b.at)) })
	for _, w := range all {
		if _, err := s.loadBlock(w.log, w.block); err != nil {
			return err
		}
	}
	return nil
}

// replayJournal takes over what came after the state.
func (s *Store) replayJournal() error {
	for slot := range slots {
		f, err := s.dir.Open(slotName(slot))
		if err != nil {
			return &DamageError{File: slotName(slot), What: "it cannot be opened, and may hold events: " + err.Error()}
		}
		size, err := f.Size()
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		if size != s.journal.size {
			return &DamageError{File: slotName(slot), Offset: min(size, s.journal.size), What: fmt.Sprintf("it has %d bytes instead of %d", size, s.journal.size)}
		}
	}
	number, torn, err := replay(s.dir, journalMark(s.epoch), s.until, s.apply)
	if err != nil {
		return err
	}
	s.warn(torn)
	s.journal.number = number
	if number == s.until {
		return nil
	}
	s.freeze()
	return s.move(s.frozen)
}

// startJournal opens the journal's files, which hold nothing that is needed.
func (s *Store) startJournal() error {
	j, err := openJournal(s.dir, s.journal.size, journalMark(s.epoch), max(s.until, s.journal.number))
	if err == nil {
		s.journal = j
	}
	return err
}

// cleanUp removes what an earlier process did not finish, or not remove.
func (s *Store) cleanUp(names []string) {
	for _, name := range names {
		state, data := numbered(name, "state-"), numbered(name, "data-")
		if state > 0 && state < s.state.number || strings.HasSuffix(name, tmp) {
			s.dir.Remove(name) // the next start does it otherwise
		}
		if d := s.library.all[data]; d != nil && d.live == 0 {
			s.library.discard(d)
		}
	}
}

func (s *Store) summarize() {
	s.opened.Topics = len(s.byID)
	for _, l := range s.byID {
		s.opened.Cursors += len(l.cursors)
		s.opened.Events += l.next - l.first
		s.opened.Bytes += l.appended - l.trimmed
	}
}
