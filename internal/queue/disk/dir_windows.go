package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// SyncDir does nothing: a folder cannot be flushed here, its file system
// keeps a journal of names.
func (d folder) SyncDir() error { return nil }

// lock takes the file for this process until it is closed, which the kernel
// does for a process that dies.
func lock(f *os.File) (taken bool, err error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
