// Command pebble measures CockroachDB's storage engine by itself, without a
// network: writers that each put one value and wait until it is synced. It is
// a module of its own, so that rawlab's does not depend on it.
//
//	rawlab-pebble DIR BYTES WRITERS MILLISECONDS prints how many were safe per second
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pebble:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("%d arguments, want 4", len(args))
	}
	var n [3]int
	for i, arg := range args[1:] {
		var err error
		if n[i], err = strconv.Atoi(arg); err != nil {
			return err
		}
	}
	db, err := pebble.Open(args[0], &pebble.Options{Logger: silent{}})
	if err != nil {
		return err
	}
	perSecond, err := put(db, n[0], n[1], time.Duration(n[2])*time.Millisecond)
	fmt.Printf("%.0f\n", perSecond)
	return errors.Join(err, db.Close())
}

func put(db *pebble.DB, size, writers int, lasting time.Duration) (perSecond float64, err error) {
	var sequence atomic.Uint64
	var all sync.WaitGroup
	errs := make(chan error, writers)
	began := time.Now()
	for range writers {
		all.Go(func() {
			key, value := make([]byte, 8), make([]byte, size)
			for time.Since(began) < lasting {
				binary.BigEndian.PutUint64(key, sequence.Add(1))
				if err := db.Set(key, value, pebble.Sync); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return float64(sequence.Load()) / time.Since(began).Seconds(), err
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "pebble: "+format+"\n", args...)
	os.Exit(1)
}
