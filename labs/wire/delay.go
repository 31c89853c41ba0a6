package wire

import (
	"math"
	"time"
)

// Distribution is how the jitter spreads around the delay, by netem's names.
type Distribution uint8

// The distributions. Jitter is the largest deviation of the first, and the
// standard deviation of the others before they are cut: at four of it to
// either side, as netem's tables are, and at no delay at all, since no packet
// leaves before it came.
const (
	Uniform      Distribution = iota
	Normal                    // Gauss
	Pareto                    // of shape 3: mostly a little early, now and then very late
	ParetoNormal              // a quarter normal, three quarters Pareto
	distributions
)

// String returns netem's name.
func (d Distribution) String() string {
	return nameOf(d, "uniform", "normal", "pareto", "paretonormal")
}

// cutoff is how many standard deviations netem's tables reach.
const cutoff = 4

// delay returns how long a packet is held, given its own number.
func (i *Impairment) delay(number uint64) time.Duration {
	u := share(mix(number, 5))
	if i.Distribution == Uniform {
		return i.Delay + time.Duration((2*u-1)*float64(i.Jitter))
	}
	z := i.Distribution.deviate(u, share(mix(number, 9)))
	z = max(-cutoff, min(cutoff, z))
	return max(0, i.Delay+time.Duration(z*float64(i.Jitter)))
}

// deviate turns two numbers of [0, 1) into one of mean 0 and standard
// deviation 1, by the inverse of the distribution function.
func (d Distribution) deviate(u, v float64) float64 {
	switch d {
	case Normal:
		return gauss(u)
	case Pareto:
		return pareto(u)
	case ParetoNormal:
		return (0.75*pareto(u) + 0.25*gauss(v)) / math.Sqrt(0.75*0.75+0.25*0.25)
	}
	return 0
}

// gauss is finite for every u of [0, 1): half a step is added to it.
func gauss(u float64) float64 { return math.Sqrt2 * math.Erfinv(2*(u+0x1p-54)-1) }

// pareto has mean 3/2 and variance 3/4 before it is shifted and scaled.
func pareto(u float64) float64 { return (1/math.Cbrt(1-u) - 1.5) / math.Sqrt(0.75) }
