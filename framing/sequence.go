package framing

const numberBits = 48

// Streams is how many streams an origin has. The last one is shared by all
// topics for which there was none left: sequences there say nothing about
// what is missing.
const Streams = 1 << (64 - numberBits)

// MaxNumber is the largest number of an event within its stream.
const MaxNumber = 1<<numberBits - 1

// Sequence joins a stream and a number, counted from 1, into the sequence of
// an event:
//
//	| stream u16 | number u48 |
//
// An origin gives every topic it emits to a stream of its own, in order of
// first use from 0, and numbers each stream apart. So (origin, sequence)
// names one event, whatever its topic, and yet who listens to one topic
// alone sees numbers without holes: a hole is a lost event. An origin with
// one topic counts 1, 2, 3.
func Sequence(stream uint16, number uint64) uint64 {
	return uint64(stream)<<numberBits | number&MaxNumber
}

// SplitSequence returns the stream of a sequence and the number in it.
func SplitSequence(sequence uint64) (stream uint16, number uint64) {
	return uint16(sequence >> numberBits), sequence & MaxNumber
}
