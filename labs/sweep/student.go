package sweep

import (
	"math"
	"slices"
)

// Summary is what several measurements of one thing come to, in the unit of
// those.
type Summary struct {
	N      int      `json:"n"`
	Mean   float64  `json:"mean"`
	Median float64  `json:"median"`
	Half   *float64 `json:"ci95_half"` // half the 95 % confidence interval of the mean, by Student's t; null for less than two
	Min    float64  `json:"min"`
	Max    float64  `json:"max"`
}

// Summarize sums up values; there is at least one.
func Summarize(values []float64) Summary {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	s := Summary{N: n, Min: v[0], Max: v[n-1], Median: (v[(n-1)/2] + v[n/2]) / 2}
	for _, x := range v {
		s.Mean += x / float64(n)
	}
	if n < 2 {
		return s
	}
	squares := 0.0
	for _, x := range v {
		squares += (x - s.Mean) * (x - s.Mean)
	}
	half := student975(n-1) * math.Sqrt(squares/float64(n-1)/float64(n))
	s.Half = &half
	return s
}

// student975 is the quantile of Student's t distribution below which 97.5 %
// lie: few degrees of freedom from the table (NIST/SEMATECH e-Handbook,
// 1.3.6.7.2), more by the expansion of Abramowitz and Stegun, 26.7.5.
func student975(freedom int) float64 {
	few := [...]float64{
		12.7062047, 4.3026527, 3.1824463, 2.7764451, 2.5705818, 2.4469118, 2.3646243, 2.3060041, 2.2621572, 2.2281389,
	}
	if freedom <= len(few) {
		return few[freedom-1]
	}
	const x = 1.959963985 // of the normal distribution
	v := float64(freedom)
	x3 := x * x * x
	x5, x7 := x3*x*x, x3*x*x*x*x
	return x + (x3+x)/(4*v) + (5*x5+16*x3+3*x)/(96*v*v) + (3*x7+19*x5+17*x3-15*x)/(384*v*v*v) +
		(79*x7*x*x+776*x7+1482*x5-1920*x3-945*x)/(92160*v*v*v*v)
}
