package wire

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseShare reads a share, written 5% or 0.05.
func ParseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(f) {
		return 0, errors.New("want a percentage such as 5%, or a share such as 0.05")
	}
	if percent {
		f /= 100
	}
	if f < 0 || f > 1 {
		return 0, errors.New("must be 0% to 100%; without % a share from 0 to 1")
	}
	return f, nil
}

// formatShare writes a share so that it reads back as the same number.
func formatShare(f float64) string {
	s := strconv.FormatFloat(f*100, 'g', 12, 64)
	if back, _ := strconv.ParseFloat(s, 64); back/100 != f {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return s + "%"
}

// unit is a name for a multiple.
type unit struct {
	name string
	of   float64
}

// rateUnits are tc's, in bits per second, longer names before their endings.
var rateUnits = []unit{
	{"kibit", 1 << 10}, {"mibit", 1 << 20}, {"gibit", 1 << 30},
	{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1},
	{"kbps", 8e3}, {"mbps", 8e6}, {"gbps", 8e9}, {"bps", 8},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"", 1},
}

// ParseRate reads bits per second, in tc's units.
func ParseRate(s string) (int64, error) {
	f, err := parseUnits(s, rateUnits)
	if err != nil || f > maxRate {
		return 0, errors.New("want a rate such as 10Mbit, 500kbit or 1Gbit (Mbps is megabytes per second, as for tc)")
	}
	return int64(f), nil
}

// FormatRate writes what ParseRate reads.
func FormatRate(bits int64) string {
	switch {
	case bits >= 1e9 && bits%1e9 == 0:
		return strconv.FormatInt(bits/1e9, 10) + "gbit"
	case bits >= 1e6 && bits%1e6 == 0:
		return strconv.FormatInt(bits/1e6, 10) + "mbit"
	case bits >= 1e3 && bits%1e3 == 0:
		return strconv.FormatInt(bits/1e3, 10) + "kbit"
	}
	return strconv.FormatInt(bits, 10) + "bit"
}

// sizeUnits are tc's, in bytes.
var sizeUnits = []unit{{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"b", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}}

// ParseQueue reads the length of a queue: packets, or bytes with a unit.
func ParseQueue(s string) (packets, bytes int, err error) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return n, 0, nil
	}
	f, err := parseUnits(s, sizeUnits)
	if err != nil || f > math.MaxInt32 || f != math.Trunc(f) {
		return 0, 0, errors.New("want packets such as 100, or bytes such as 64kb")
	}
	return 0, int(f), nil
}

func formatQueue(packets, bytes int) string {
	switch {
	case bytes == 0:
		return strconv.Itoa(packets)
	case bytes%(1<<10) == 0:
		return strconv.Itoa(bytes>>10) + "kb"
	}
	return strconv.Itoa(bytes) + "b"
}

var errUnit = errors.New("no number with a known unit")

// parseUnits reads a number that is not negative, with a unit.
func parseUnits(s string, units []unit) (float64, error) {
	lower := strings.ToLower(s)
	for _, u := range units {
		number, ok := strings.CutSuffix(lower, u.name)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || !(f >= 0 && f*u.of < math.MaxInt64) {
			return 0, errUnit
		}
		return f * u.of, nil
	}
	return 0, errUnit
}

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errors.New("want a time such as 10ms, 250us or 1.5s")
	}
	return d, nil
}
