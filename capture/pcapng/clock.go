package pcapng

import (
	"math/bits"
	"time"
)

// clock says what an interface's time stamps count.
type clock struct {
	perSecond uint64
	offset    int64 // seconds to add
}

var microseconds = clock{perSecond: 1e6} // what pcapng means without if_tsresol

// perSecond decodes if_tsresol: with the high bit clear the unit is 10⁻ⁿ s,
// with it set 2⁻ⁿ s.
func perSecond(resolution byte) (uint64, bool) {
	n := int(resolution & 0x7f)
	if resolution&0x80 != 0 {
		return 1 << n, n < 64
	}
	if n > 19 { // 10²⁰ does not fit: a 64-bit stamp would span less than a second
		return 0, false
	}
	units := uint64(1)
	for range n {
		units *= 10
	}
	return units, true
}

func (c clock) time(ticks uint64) time.Time {
	seconds, rest := ticks/c.perSecond, ticks%c.perSecond
	high, low := bits.Mul64(rest, 1e9)
	ns, _ := bits.Div64(high, low, c.perSecond) // rest < perSecond, so the quotient is below 1e9
	return time.Unix(int64(seconds)+c.offset, int64(ns)).UTC()
}
