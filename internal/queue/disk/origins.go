package disk

import (
	"cmp"
	"maps"
	"slices"

	"rawlab/framing"
)

// maxOrigins is how many streams of origins a topic remembers at least.
const maxOrigins = 1024

// stream is one stream of an origin.
type stream struct {
	origin uint64
	number uint16
}

// lastOf is the last sequence in a stream, and when it was noted.
type lastOf struct{ sequence, tick uint64 }

// origins is the streams that a topic's events came in, the recent ones.
type origins struct {
	streams map[stream]lastOf
	tick    uint64
	saved   uint64 // what was noted up to this tick is in the state
}

// note notes the streams of encoded frames.
func (o *origins) note(frames []byte) {
	var of stream
	var last uint64
	for len(frames) > 0 {
		n := frameSize(frames)
		if origin, sequence, ok := framing.Identify(frames[:n]); ok {
			number, _ := framing.SplitSequence(sequence)
			if now := (stream{origin, number}); now != of {
				o.set(of, last)
				of = now
			}
			last = sequence
		}
		frames = frames[n:]
	}
	o.set(of, last)
}

func (o *origins) set(of stream, sequence uint64) {
	if sequence == 0 {
		return
	}
	if o.streams == nil {
		o.streams = make(map[stream]lastOf)
	}
	o.tick++
	o.streams[of] = lastOf{sequence, o.tick}
	if len(o.streams) > 2*maxOrigins {
		for _, old := range o.recent(0)[:maxOrigins] {
			delete(o.streams, old)
		}
	}
}

// recent returns the streams noted after a tick, the latest last.
func (o *origins) recent(after uint64) []stream {
	list := slices.Collect(maps.Keys(o.streams))
	list = slices.DeleteFunc(list, func(of stream) bool { return o.streams[of].tick <= after })
	slices.SortFunc(list, func(a, b stream) int { return cmp.Compare(o.streams[a].tick, o.streams[b].tick) })
	return list
}

func (o *origins) setOf(origin, sequence uint64) {
	number, _ := framing.SplitSequence(sequence)
	o.set(stream{origin, number}, sequence)
}
