package disk

import (
	"errors"
	"fmt"
)

// ErrClosed is the answer of a store that was closed.
var ErrClosed = errors.New("disk: store is closed")

// ErrTooLarge means that one append does not fit into a journal.
var ErrTooLarge = errors.New("disk: append is too large for the journal")

// InUseError says that another process has the folder.
type InUseError struct{ Dir string }

func (e *InUseError) Error() string {
	return fmt.Sprintf("%s is in use by another server; stop that one, or choose another folder", e.Dir)
}

// DamageError says which bytes are not what was written there.
type DamageError struct {
	Dir, File string
	Offset    int64
	What      string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s/%s is damaged at byte %d: %s", e.Dir, e.File, e.Offset, e.What)
}
