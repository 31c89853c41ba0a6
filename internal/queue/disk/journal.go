package disk

import (
	"errors"
	"fmt"
	"io/fs"
)

// slots is how many files the journal has: one is written while what is in
// the other moves into blocks.
const slots = 2

func slotName(slot int) string { return fmt.Sprintf("journal-%d", slot) }

// journal is two files of a fixed size, filled in turn from their beginning.
// They are written in full when they are made, so that a group needs no room
// of the file system and its fsync no news of the file.
type journal struct {
	mark   uint32
	size   int64
	files  [slots]file
	slot   int    // being filled
	at     int64  // where the next group goes
	number uint64 // which it will have
}

// openJournal opens both files, and makes those that are missing or of
// another size. Nothing in them is needed any more.
func openJournal(d files, size int64, mark uint32, number uint64) (*journal, error) {
	j := &journal{mark: mark, size: size, number: number}
	for slot := range slots {
		f, err := openSlot(d, slotName(slot), size)
		if err != nil {
			return nil, errors.Join(err, j.close())
		}
		j.files[slot] = f
	}
	return j, d.SyncDir()
}

func openSlot(d files, name string, size int64) (file, error) {
	f, err := d.Open(name)
	if err == nil {
		var is int64
		if is, err = f.Size(); err == nil && is == size {
			return f, nil
		}
		f.Close()
		if err := d.Remove(name); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err = d.Create(name)
	if err != nil {
		return nil, err
	}
	if err := fillZeros(f, size); err != nil {
		f.Close()
		d.Remove(name) // what there is of it is of no use
		return nil, fmt.Errorf("making room for the journal: %w", err)
	}
	return f, nil
}

func fillZeros(f file, size int64) error {
	b := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(b)) {
		if _, err := f.WriteAt(b[:min(int64(len(b)), size-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// fits reports whether a group of that size still goes into this file.
func (j *journal) fits(size int) bool { return j.at+int64(size) <= j.size }

// turn goes on in the other file.
func (j *journal) turn() { j.slot, j.at = (j.slot+1)%slots, 0 }

// write makes a sealed group safe. One that failed is written again at the
// same place under the same number.
func (j *journal) write(group []byte) error {
	f := j.files[j.slot]
	if _, err := f.WriteAt(group, j.at); isFull(err) {
		return fmt.Errorf("writing the journal: %w", err)
	} else if err != nil {
		return &brokenError{err}
	}
	if err := f.Sync(); err != nil {
		return &brokenError{err}
	}
	j.at += int64(len(group))
	j.number++
	return nil
}

func (j *journal) close() error {
	var err error
	for _, f := range j.files {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// brokenError means that nobody knows any more what is on the disk.
type brokenError struct{ err error }

func (e *brokenError) Error() string {
	return "the disk failed; start again once it is well: " + e.err.Error()
}

func (e *brokenError) Unwrap() error { return e.err }

// replay reads the groups from a number on, as the files of an earlier
// process have them, and gives each group's records to apply. It ends at the
// first that is not whole. That is a write which was cut short, and was never
// acknowledged, unless a later group is there: a group is written only when
// the one before is safe.
func replay(d files, mark uint32, from uint64, apply func(records []byte) error) (number uint64, torn string, err error) {
	var content [slots][]byte
	for slot := range slots {
		if content[slot], err = readAll(d, slotName(slot)); err != nil {
			return 0, "", err
		}
	}
	number = from
	slot, at := firstSlot(content, mark, number), 0
	for {
		p, ok := peekParcel(content[slot][min(at, len(content[slot])):], mark)
		if !ok || p.number != number || !p.whole {
			if next := (slot + 1) % slots; at > 0 && begins(content[next], mark, number) {
				slot, at = next, 0
				continue
			}
			break
		}
		if err := apply(p.records); err != nil {
			return number, "", &DamageError{File: slotName(slot), Offset: int64(at), What: "a group of events makes no sense: " + err.Error()}
		}
		number, at = number+1, at+p.size
	}
	for other := range slots {
		start := 0
		if other == slot {
			start = at + page
		}
		if later := findParcel(content[other], start, mark, number+1); later >= 0 {
			return number, "", &DamageError{
				File: slotName(slot), Offset: int64(at),
				What: fmt.Sprintf("group %d of events, which was acknowledged, is not there; later ones are, at byte %d of %s", number, later, slotName(other)),
			}
		}
	}
	if p, ok := peekParcel(content[slot][min(at, len(content[slot])):], mark); ok && p.number == number {
		torn = fmt.Sprintf("the last write was cut short, at byte %d of %s; what it held was never acknowledged", at, slotName(slot))
	}
	return number, torn, nil
}

// firstSlot returns the file that begins with a group.
func firstSlot(content [slots][]byte, mark uint32, number uint64) int {
	for slot := range slots {
		if begins(content[slot], mark, number) {
			return slot
		}
	}
	return 0
}

func begins(b []byte, mark uint32, number uint64) bool {
	p, ok := peekParcel(b, mark)
	return ok && p.number == number && p.whole
}
