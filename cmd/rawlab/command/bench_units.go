package command

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// secondsValue is a time, as iperf3 writes it, 10, or as Go does, 500ms.
type secondsValue time.Duration

func (v *secondsValue) String() string {
	return strconv.FormatFloat(time.Duration(*v).Seconds(), 'g', -1, 64)
}
func (v *secondsValue) Type() string { return "seconds" }

func (v *secondsValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if f, asNumber := strconv.ParseFloat(s, 64); asNumber == nil && math.Abs(f) < 1e6 {
		d, err = time.Duration(f*float64(time.Second)), nil
	}
	if err != nil || d < 0 {
		return fmt.Errorf("want seconds such as 10 or 0.5, or a time such as 500ms")
	}
	*v = secondsValue(d)
	return nil
}

// countValue is a number of things; K, M and G are powers of 1000.
type countValue int

func (v *countValue) String() string { return strconv.Itoa(int(*v)) }
func (v *countValue) Type() string   { return "count" }

func (v *countValue) Set(s string) error {
	number, factor := strings.ToUpper(s), 1.0
	for i, unit := range []string{"K", "M", "G"} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, factor = n, math.Pow(1000, float64(i+1))
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0 && f*factor <= math.MaxInt32) || f*factor != math.Trunc(f*factor) {
		return fmt.Errorf("want a number such as 5000, 20K or 1M")
	}
	*v = countValue(f * factor)
	return nil
}
