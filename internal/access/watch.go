package access

import (
	"bytes"
	"context"
	"os"
	"slices"
	"time"

	"rawlab/internal/clock"
)

// WatchInterval is how often files are looked at. What is done to one holds
// after two looks at most.
const WatchInterval = 500 * time.Millisecond

// watch looks at files until ctx is done, and calls tick at every look:
// changed says that one of them has other content than is in use (used, then
// what the last change was to), and the same as at the look before, so that a
// file half written is not taken for a whole one. Reading them costs less
// than it would to miss a change: a rename, a new mount, a clock set back.
func watch(ctx context.Context, c clock.Clock, paths []string, used [][]byte, tick func(changed bool)) {
	before := used
	for timer := clock.Or(c).NewTimer(WatchInterval); ; timer.Reset(WatchInterval) {
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
		now := contents(paths)
		changed := same(now, before) && !same(now, used)
		if changed {
			used = now
		}
		before = now
		tick(changed)
	}
}

// contents returns what each file holds, nil for one that cannot be read.
func contents(paths []string) [][]byte {
	all := make([][]byte, len(paths))
	for i, path := range paths {
		if b, err := os.ReadFile(path); err == nil {
			all[i] = append([]byte{}, b...)
		}
	}
	return all
}

func same(a, b [][]byte) bool {
	return slices.EqualFunc(a, b, func(x, y []byte) bool { return (x == nil) == (y == nil) && bytes.Equal(x, y) })
}
