package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// maxOpen is how many data files are open at a time when nobody reads more.
const maxOpen = 64

// dataFile is a file of blocks, written once.
type dataFile struct {
	number     uint64
	size, live int64 // bytes of blocks; of those still in a log
	f          file  // nil when not open
	users      int   // who read it now
	used       uint64
	dead       bool // to be removed when nobody reads it
}

func dataName(number uint64) string { return fmt.Sprintf("data-%08d", number) }

// library is the data files of a store. Its methods are called with the
// store's lock held.
type library struct {
	dir  files
	all  map[uint64]*dataFile
	open int
	tick uint64
}

// borrow returns an open data file, for giveBack.
func (l *library) borrow(number uint64) (*dataFile, error) {
	d := l.all[number]
	if d == nil {
		return nil, fmt.Errorf("%s: %w", dataName(number), fs.ErrNotExist)
	}
	if d.f == nil {
		f, err := l.dir.Open(dataName(number))
		if err != nil {
			return nil, err
		}
		d.f = f
		l.open++
	}
	d.users++
	l.tick++
	d.used = l.tick
	l.closeSome()
	return d, nil
}

// closeSome closes the files used least recently, over maxOpen.
func (l *library) closeSome() {
	for l.open > maxOpen {
		var oldest *dataFile
		for _, d := range l.all {
			if d.f != nil && d.users == 0 && (oldest == nil || d.used < oldest.used) {
				oldest = d
			}
		}
		if oldest == nil {
			return
		}
		l.shut(oldest)
	}
}

func (l *library) shut(d *dataFile) {
	if d.f != nil {
		d.f.Close() // it was only read
		d.f = nil
		l.open--
	}
}

func (l *library) giveBack(d *dataFile) {
	if d.users--; d.users == 0 && d.dead {
		l.drop(d)
	}
}

// discard removes a file that no log has blocks in, once nobody reads it.
func (l *library) discard(d *dataFile) {
	if d.dead = true; d.users == 0 {
		l.drop(d)
	}
}

func (l *library) drop(d *dataFile) {
	l.shut(d)
	delete(l.all, d.number)
	l.dir.Remove(dataName(d.number)) // if that fails, the next start does it
}

func (l *library) close() error {
	var err error
	for _, d := range l.all {
		if d.f != nil {
			err = errors.Join(err, d.f.Close())
			d.f = nil
		}
	}
	return err
}

// wasteful returns files whose live blocks are better moved together, and the
// room they need: while more than half of all bytes is dead, or there are
// many small files, those with the least in them, up to a limit of bytes.
func (l *library) wasteful(limit int64) []*dataFile {
	list := slices.SortedFunc(maps.Values(l.all), func(a, b *dataFile) int {
		return cmp.Or(cmp.Compare(a.live, b.live), cmp.Compare(a.number, b.number))
	})
	var size, live int64
	for _, d := range list {
		size, live = size+d.size, live+d.live
	}
	var moved []*dataFile
	many := int(2*live/limit) + 8
	for _, d := range list {
		if d.dead || d.live == 0 || d.live > limit || size <= 2*live+limit && len(list)-len(moved) <= many {
			continue
		}
		limit -= d.live
		size -= d.size - d.live
		moved = append(moved, d)
	}
	return moved
}
