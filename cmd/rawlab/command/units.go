package command

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are the flags whose values have one.
type units struct {
	size, receiveBuffer bytesValue
}

// bytesValue is a number of bytes; K, M and G are powers of 1024.
type bytesValue int

func (v *bytesValue) String() string { return strconv.Itoa(int(*v)) }
func (v *bytesValue) Type() string   { return "bytes" }

func (v *bytesValue) Set(s string) error {
	number, factor := strings.ToUpper(s), 1.0
	for i, unit := range []string{"K", "M", "G"} {
		for _, suffix := range []string{unit + "IB", unit + "B", unit} {
			if n, ok := strings.CutSuffix(number, suffix); ok {
				number, factor = n, math.Pow(1024, float64(i+1))
				break
			}
		}
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(number, "B"), 64)
	if err != nil || !(f >= 0 && f*factor <= math.MaxInt32) || f*factor != math.Trunc(f*factor) {
		return fmt.Errorf("want a number of bytes such as 128, 8K or 1M")
	}
	*v = bytesValue(f * factor)
	return nil
}
