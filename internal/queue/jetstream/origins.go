package jetstream

import (
	"cmp"
	"maps"
	"slices"

	"rawlab/framing"
)

// maxOrigins is how many streams of origins a topic remembers at least.
const maxOrigins = 1024

// origins is the last sequence in each of the streams that events came in.
type origins struct {
	streams map[originStream]lastOf
	ticks   uint64
}

type originStream struct {
	origin uint64
	number uint16
}

// lastOf is a stream's last sequence, and when it was noted.
type lastOf struct{ sequence, tick uint64 }

// note notes one encoded frame.
func (o *origins) note(frame []byte) {
	origin, sequence, ok := framing.Identify(frame)
	if !ok {
		return
	}
	if o.streams == nil {
		o.streams = make(map[originStream]lastOf)
	}
	number, _ := framing.SplitSequence(sequence)
	o.ticks++
	o.streams[originStream{origin, number}] = lastOf{sequence, o.ticks}
	if len(o.streams) > 2*maxOrigins {
		for _, old := range o.recent()[:maxOrigins] {
			delete(o.streams, old)
		}
	}
}

// recent returns the streams, the one noted last at the end.
func (o *origins) recent() []originStream {
	older := func(a, b originStream) int { return cmp.Compare(o.streams[a].tick, o.streams[b].tick) }
	return slices.SortedFunc(maps.Keys(o.streams), older)
}
