package disk_test

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"

	"rawlab/internal/queue/disk"
)

var errPower = errors.New("the power is gone")

// faulty is a file system in memory whose power fails: what was not synced
// then is there or not, sector by sector, and names come back that were
// removed. It may also be full.
type faulty struct {
	mu     sync.Mutex
	left   int   // operations until the power fails
	room   int64 // bytes that files may still grow by
	names  map[string]*inode
	synced map[string]*inode
	undone []func(map[string]*inode) // changes of names since SyncDir
}

type inode struct {
	data, synced []byte
	writes       []write // since Sync
}

type write struct {
	at int64
	b  []byte
}

func newFaulty() *faulty {
	return &faulty{left: math.MaxInt, room: 1 << 40, names: make(map[string]*inode), synced: make(map[string]*inode)}
}

// spend counts an operation.
func (d *faulty) spend() error {
	if d.left--; d.left < 0 {
		return errPower
	}
	return nil
}

func (d *faulty) change(do func(map[string]*inode)) {
	do(d.names)
	d.undone = append(d.undone, do)
}

func (d *faulty) Create(name string) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.spend(); err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, fs.ErrExist
	}
	n := &inode{}
	d.change(func(m map[string]*inode) { m[name] = n })
	return &faultyFile{d, n}, nil
}

func (d *faulty) Open(name string) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return &faultyFile{d, n}, nil
}

func (d *faulty) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.spend(); err != nil {
		return err
	}
	n := d.names[from]
	if n == nil {
		return fs.ErrNotExist
	}
	d.change(func(m map[string]*inode) { delete(m, from); m[to] = n })
	return nil
}

func (d *faulty) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.spend(); err != nil {
		return err
	}
	n := d.names[name]
	if n == nil {
		return fs.ErrNotExist
	}
	d.room += int64(len(n.data))
	d.change(func(m map[string]*inode) { delete(m, name) })
	return nil
}

func (d *faulty) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names)), nil
}

func (d *faulty) SyncDir() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.spend(); err != nil {
		return err
	}
	d.synced, d.undone = maps.Clone(d.names), nil
	return nil
}

type faultyFile struct {
	d *faulty
	n *inode
}

func (f *faultyFile) ReadAt(b []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if at >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.d.spend()
	if err == nil {
		grow := max(0, at+int64(len(b))-int64(len(f.n.data)))
		if grow > f.d.room {
			b, err = b[:int64(len(b))-grow+f.d.room], syscall.ENOSPC
			grow = f.d.room
		}
		f.d.room -= grow
	}
	// the write during which the power fails may be on the disk as any other
	f.n.data = put(f.n.data, write{at, b})
	f.n.writes = append(f.n.writes, write{at, slices.Clone(b)})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func put(data []byte, w write) []byte {
	if end := int(w.at) + len(w.b); end > len(data) {
		data = append(data, make([]byte, end-len(data))...)
	}
	copy(data[w.at:], w.b)
	return data
}

func (f *faultyFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.n.data)), nil
}

func (f *faultyFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.spend(); err != nil {
		return err
	}
	for _, w := range f.n.writes {
		f.n.synced = put(f.n.synced, w)
	}
	f.n.writes = nil
	return nil
}

func (f *faultyFile) Close() error { return nil }

const sector = 512

// restart returns what is on the disk after the power came back.
func (d *faulty) restart(r *rand.Rand) *faulty {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newFaulty()
	names := maps.Clone(d.synced)
	for _, change := range d.undone {
		if r.IntN(2) == 0 {
			change(names)
		}
	}
	keep := r.Float64() // of this crash: nearly nothing to nearly everything
	for _, name := range slices.Sorted(maps.Keys(names)) {
		n := names[name]
		if n == nil {
			continue
		}
		data := slices.Clone(n.synced)
		for _, w := range n.writes {
			for at := 0; at < len(w.b); at += sector {
				part := w.b[at:min(at+sector, len(w.b))]
				switch {
				case r.Float64() < keep:
				case r.IntN(8) == 0:
					part = part[:r.IntN(len(part)+1)] // torn
				default:
					continue
				}
				data = put(data, write{w.at + int64(at), part})
			}
		}
		after.names[name] = &inode{data: data, synced: slices.Clone(data)}
	}
	after.synced = maps.Clone(after.names)
	return after
}

// copyOf returns the same disk again.
func (d *faulty) copyOf() *faulty {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newFaulty()
	for name, n := range d.names {
		c.names[name] = &inode{data: slices.Clone(n.data), synced: slices.Clone(n.data)}
	}
	c.synced = maps.Clone(c.names)
	return c
}
