package command

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// units are the flags whose values have one.
type units struct {
	loss, reorder, duplicate, corrupt shareValue
	rate                              rateValue
	size, receiveBuffer               bytesValue
}

// shareValue is a share from 0 to 1, written 5% or 0.05.
type shareValue float64

func (v *shareValue) String() string { return strconv.FormatFloat(float64(*v)*100, 'g', -1, 64) + "%" }
func (v *shareValue) Type() string   { return "share" }

func (v *shareValue) Set(s string) error {
	number, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(f) {
		return fmt.Errorf("want a percentage such as 5%%, or a share such as 0.05")
	}
	if percent {
		f /= 100
	}
	if f < 0 || f > 1 {
		return fmt.Errorf("must be 0%% to 100%%; without %% a share from 0 to 1")
	}
	*v = shareValue(f)
	return nil
}

// rateValue is in bits per second, with netem's units.
type rateValue int64

func (v *rateValue) String() string { return strconv.FormatInt(int64(*v), 10) + "bit" }
func (v *rateValue) Type() string   { return "rate" }

var rateUnits = []struct {
	name string
	bits float64
}{
	{"kibit", 1 << 10}, {"mibit", 1 << 20}, {"gibit", 1 << 30},
	{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1},
	{"kbps", 8e3}, {"mbps", 8e6}, {"gbps", 8e9}, {"bps", 8},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"", 1},
}

func (v *rateValue) Set(s string) error {
	lower := strings.ToLower(s)
	i := slices.IndexFunc(rateUnits, func(u struct {
		name string
		bits float64
	}) bool {
		return strings.HasSuffix(lower, u.name)
	})
	f, err := strconv.ParseFloat(strings.TrimSuffix(lower, rateUnits[i].name), 64)
	if err != nil || !(f >= 0 && f*rateUnits[i].bits < 1e15) {
		return fmt.Errorf("want a rate such as 10Mbit, 500kbit or 1Gbit (Mbps is megabytes per second, as for tc)")
	}
	*v = rateValue(f * rateUnits[i].bits)
	return nil
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
