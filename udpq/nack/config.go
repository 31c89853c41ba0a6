package nack

import (
	"cmp"
	"time"
)

// Defaults of [Config].
const (
	DefaultRingBytes   = 4 << 20
	DefaultRingAge     = 10 * time.Second
	DefaultHeldBytes   = 4 << 20
	DefaultReorderWait = 10 * time.Millisecond
	DefaultTries       = 10
	DefaultRepairRate  = 4 << 20
)

// Config bounds what one end spends on repairs. The zero value works.
type Config struct {
	RingBytes   int           // of recent datagrams that can be sent again, what each costs included; default DefaultRingBytes
	RingAge     time.Duration // how long one can, default DefaultRingAge
	HeldBytes   int           // that wait for something missing before them, what each costs included; default DefaultHeldBytes
	ReorderWait time.Duration // before what is missing is asked for: it may only be late; default DefaultReorderWait
	Tries       int           // to ask for something in vain, then it is given up; default DefaultTries
	RepairRate  int           // bytes per second that are sent again at most; default DefaultRepairRate
}

// Between two tries to ask for the same, the wait doubles: from the timeout of
// RFC 6298 and half a round trip more than one, at least minAskWait, or
// firstAskWait before one was measured.
const (
	minAskWait   = 20 * time.Millisecond
	firstAskWait = 100 * time.Millisecond
	maxAskWait   = 2 * time.Second
	askSpacing   = 5 * time.Millisecond // between two requests of one receiver: what is missing gathers
)

// Bounds of a request, and of what a receiver remembers.
const (
	maxRanges = 64      // of a request: it fits into one packet with them
	askWindow = 1024    // numbers asked for at a time; each that comes makes room for another
	maxHoles  = 1024    // stretches of numbers missing at a time
	maxNumber = 1 << 62 // so that sums do not overflow
)

func (c Config) orDefault() Config {
	return Config{
		RingBytes: positive(c.RingBytes, DefaultRingBytes), RingAge: positive(c.RingAge, DefaultRingAge),
		HeldBytes: positive(c.HeldBytes, DefaultHeldBytes), ReorderWait: positive(c.ReorderWait, DefaultReorderWait),
		Tries: positive(c.Tries, DefaultTries), RepairRate: positive(c.RepairRate, DefaultRepairRate),
	}
}

func positive[T cmp.Ordered](v, fallback T) T {
	var zero T
	if v > zero {
		return v
	}
	return fallback
}
