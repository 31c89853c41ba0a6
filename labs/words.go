package labs

import (
	"fmt"
	"math"
)

func percent(share float64) string { return fmt.Sprintf("%g %%", math.Round(share*1e6)/1e4) }

// binomial returns the range in which the count of n independent events of a
// probability lies but for one time in a million: five standard deviations.
// The count's variance may be a multiple of that, for events in bursts.
func binomial(n int, p, variance float64) (low, high int) {
	mean, sd := float64(n)*p, math.Sqrt(float64(n)*p*(1-p)*variance)
	return max(0, int(mean-5*sd)), min(n, int(math.Ceil(mean+5*sd)))
}
