package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
)

// state is the file that says which topics there are, where their blocks lie,
// where their cursors stand, and which groups of the journal came later. It
// begins with a parcel that says everything; each further one says what has
// changed. When those have become many, a new file takes its place.
type state struct {
	dir     files
	number  uint64 // of the file
	f       file
	at      int64 // where the next parcel goes
	parcels uint64
	first   int64 // size of the first parcel
	remains bool  // of a parcel that failed, where the next one goes
}

const tmp = ".tmp"

func stateName(number uint64) string { return fmt.Sprintf("state-%08d", number) }

func stateMark(number uint64) uint32 { return uint32(number) ^ 0x5374_6174 }

// journalMark tells the journals of stores apart.
func journalMark(epoch uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, epoch), castagnoli)
}

// makeState makes a new state file, which is there as a whole or not at all.
func makeState(d files, number uint64, records []byte) (*state, error) {
	name := stateName(number)
	d.Remove(name + tmp) // of an attempt that failed
	f, err := d.Create(name + tmp)
	if err != nil {
		return nil, err
	}
	s := &state{dir: d, number: number, f: f}
	err = s.add(records)
	if err == nil {
		err = errors.Join(f.Close(), d.Rename(name+tmp, name))
	} else {
		f.Close()
	}
	if err == nil {
		err = d.SyncDir()
	}
	if err == nil {
		s.f, err = d.Open(name)
	}
	s.first = s.at
	return s, err
}

// add makes a parcel of records safe. One that failed is written again at the
// same place under the same number, once nothing is left by which the first
// attempt could be taken for whole.
func (s *state) add(records []byte) error {
	if s.remains {
		if err := s.wipe(); err != nil {
			return fmt.Errorf("writing the state: %w", err)
		}
	}
	s.remains = true
	b := seal(append(make([]byte, parcelHeader, parcelHeader+len(records)+page), records...), stateMark(s.number), s.parcels+1)
	if _, err := s.f.WriteAt(b, s.at); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	s.at += int64(len(b))
	s.parcels++
	s.remains = false
	return nil
}

// wipe makes the header of what a failed attempt has left zeros. Without it,
// the end of a second attempt, if the power fails in its midst, could be the
// padding that the first one lacks: a step that names files long removed.
func (s *state) wipe() error {
	size, err := s.f.Size()
	if err != nil || size <= s.at {
		return err
	}
	if _, err := s.f.WriteAt(zeros[:min(parcelHeader, size-s.at)], s.at); err != nil {
		return err
	}
	return s.f.Sync()
}

// large reports whether a new file would be much smaller.
func (s *state) large() bool { return s.at > 4*s.first+(1<<20) }

// replace starts a new file that says everything. If it fails, the old one is
// good, unless it is fatal: nobody knows which one the next start would take.
func (s *state) replace(snapshot []byte) (err error, fatal bool) {
	next, err := makeState(s.dir, s.number+1, snapshot)
	if err != nil {
		_, listed := s.dir.Open(stateName(s.number + 1))
		return fmt.Errorf("replacing the state: %w", err), !errors.Is(listed, fs.ErrNotExist)
	}
	old := *s
	*s = *next
	old.f.Close()                                     // everything in it is also in the new one
	return s.dir.Remove(stateName(old.number)), false // the next start removes it otherwise
}

func (s *state) close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// readState gives the records of every parcel to apply, and returns the state
// to go on with.
func readState(d files, number uint64, apply func(records []byte) error) (s *state, torn string, err error) {
	name := stateName(number)
	b, err := readAll(d, name)
	if err != nil {
		return nil, "", err
	}
	s = &state{dir: d, number: number}
	for {
		p, ok := peekParcel(b[s.at:], stateMark(number))
		if !ok || !p.whole || p.number != s.parcels+1 {
			break
		}
		if err := apply(p.records); err != nil {
			return nil, "", &DamageError{File: name, Offset: s.at, What: err.Error()}
		}
		s.parcels++
		s.at += int64(p.size)
		if s.parcels == 1 {
			s.first = s.at
		}
	}
	switch later := findParcel(b, int(s.at)+page, stateMark(number), s.parcels+2); {
	case s.parcels == 0:
		return nil, "", &DamageError{File: name, What: "the file does not begin as it was written"}
	case later >= 0:
		return nil, "", &DamageError{File: name, Offset: s.at, What: fmt.Sprintf("step %d is not there; later ones are, at byte %d", s.parcels+1, later)}
	case s.at < int64(len(b)):
		s.remains = true
		torn = fmt.Sprintf("the last step of %s was cut short at byte %d; the journal still has it", name, s.at)
	}
	s.f, err = d.Open(name)
	return s, torn, err
}
