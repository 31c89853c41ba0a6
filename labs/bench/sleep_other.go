//go:build !linux

package bench

import "time"

func precisely(f func()) { f() }

func sleep(d time.Duration) { time.Sleep(d) }
