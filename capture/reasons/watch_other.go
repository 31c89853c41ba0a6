//go:build !linux

package reasons

import (
	"errors"
	"runtime"
)

// Watch is a Linux kernel being watched.
type Watch struct{}

// Open fails: only Linux gives reasons.
func Open(*Config) (*Watch, error) {
	return nil, &UnavailableError{What: "they are Linux's", Err: errors.New("this is " + runtime.GOOS)}
}

// Here returns 0.
func Here() (uint32, error) { return 0, nil }

// Take returns nothing.
func (w *Watch) Take() ([]Drop, error) { return nil, nil }

// Lost returns 0.
func (w *Watch) Lost() (uint64, error) { return 0, nil }

// Close does nothing.
func (w *Watch) Close() error { return nil }
