package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Kept is a bundle that was written before.
type Kept struct {
	Folder string
	Result *Result
	root   *os.Root
}

// maxResult bounds a result.json; one that is larger is something else.
const maxResult = 64 << 20

// ReadBundle opens a bundle and reads its result. The error says what of it
// is not there, or not to be read.
func ReadBundle(folder string) (*Kept, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	k := &Kept{Folder: folder, root: root, Result: &Result{}}
	if err := k.readResult(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return k, nil
}

func (k *Kept) readResult() error {
	f, err := k.root.Open("result.json")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no bundle: it has no result.json; 'rawlab lab run LAB -o DIR' writes one", k.Folder)
	}
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer f.Close()
	d := json.NewDecoder(io.LimitReader(f, maxResult))
	if err := d.Decode(k.Result); err != nil {
		return fmt.Errorf("%s: result.json is damaged, or of something else: %w", k.Folder, err)
	}
	if r := k.Result; r.Interrupted && len(r.Runs) == 0 {
		return fmt.Errorf("%s: lab %s was ended before anything was measured: there is nothing to hold against", k.Folder, r.Lab)
	}
	if r := k.Result; r.Lab == "" || r.Backend == "" || len(r.Runs) == 0 {
		return fmt.Errorf("%s: result.json is no lab's: it names no lab, no hosts or no run", k.Folder)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: result.json is damaged: something follows the result", k.Folder)
	}
	return nil
}

// Open opens one of the bundle's files.
func (k *Kept) Open(name string) (*os.File, error) {
	f, err := k.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: it has no %s: parts of the bundle are missing, or an older rawlab wrote it", k.Folder, name)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return f, nil
}

// Close gives the folder back.
func (k *Kept) Close() error { return k.root.Close() }
