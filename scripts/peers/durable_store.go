package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue/disk"
)

// storeAll has writers append one event each to a store in a folder, and wait
// until it is safe. It prints how many were per second.
func storeAll(dir string, size, writers int, lasting time.Duration) error {
	s, err := disk.Open(dir, nil)
	if err != nil {
		return err
	}
	if err := s.Open(keptTopic, func(uint64, []byte, int) {}); err != nil {
		return err
	}
	var safe, origin atomic.Uint64
	var all sync.WaitGroup
	errs := make(chan error, writers)
	began := time.Now()
	for range writers {
		all.Go(func() { errs <- storeOn(s, origin.Add(1), size, began.Add(lasting), &safe) })
	}
	all.Wait()
	close(errs)
	perSecond := float64(safe.Load()) / time.Since(began).Seconds()
	for e := range errs {
		err = errors.Join(err, e)
	}
	fmt.Printf("%.0f\n", perSecond)
	return errors.Join(err, s.Close())
}

func storeOn(s *disk.Store, origin uint64, size int, end time.Time, safe *atomic.Uint64) error {
	answer := make(chan error, 1)
	done := func(_ []byte, err error) { answer <- err }
	f := framing.Frame{Kind: framing.KindEvent, Origin: origin, Topic: []byte(keptTopic), Payload: make([]byte, size)}
	var frame []byte
	for now := time.Now(); now.Before(end); now = time.Now() {
		f.Sequence++
		var err error
		if frame, err = f.Append(frame[:0]); err != nil {
			return err
		}
		s.Append(keptTopic, now, frame, 1, done)
		if err := <-answer; err != nil {
			return err
		}
		safe.Add(1)
	}
	return nil
}
