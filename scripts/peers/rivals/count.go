package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

// counter counts what comes, and when the first and the last of it did. The
// clock is read for every 64th only, since reading it is what would be measured.
type counter struct {
	n           atomic.Int64
	first, last time.Time // of the goroutine that counts, until n is complete
}

func (c *counter) add() {
	switch n := c.n.Add(1); {
	case n == 1:
		c.first = time.Now()
	case n%64 == 0:
		c.last = time.Now()
	}
}

// report waits for the number that should come, or for a second without any,
// and prints what came.
func (c *counter) report() error {
	fmt.Println("ready")
	var total int64
	if _, err := fmt.Scan(&total); err != nil {
		return err
	}
	for quiet, seen := 0, int64(-1); c.n.Load() < total && quiet < 100; quiet++ {
		if n := c.n.Load(); n != seen {
			quiet, seen = 0, n
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println(c.n.Load(), c.last.Sub(c.first).Seconds())
	return nil
}
