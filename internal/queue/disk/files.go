package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// files is the folder of a store, and all that a store asks of a file system.
type files interface {
	Create(name string) (file, error) // fails if it exists
	Open(name string) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	List() ([]string, error)
	SyncDir() error // makes names and removals safe
}

// file is one file of it.
type file interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Sync() error // makes what was written safe
	Close() error
}

// folder is a folder of the machine.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) Create(name string) (file, error) {
	return osFile(os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600))
}

func (d folder) Open(name string) (file, error) {
	return osFile(os.OpenFile(d.path(name), os.O_RDWR, 0))
}

func (d folder) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d folder) Remove(name string) error { return os.Remove(d.path(name)) }

func (d folder) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// machineFile is a file of the machine.
type machineFile struct{ *os.File }

func osFile(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return machineFile{f}, nil
}

func (f machineFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f machineFile) Sync() error { return syncData(f.File) }

// readAll returns the bytes of a file; nil if there is none.
func readAll(d files, name string) (b []byte, err error) {
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b = make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return b, nil
}
