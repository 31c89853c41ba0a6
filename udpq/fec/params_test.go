package fec_test

import (
	"errors"
	"testing"

	"rawlab/udpq/fec"
)

func TestParseParams(t *testing.T) {
	for s, want := range map[string]fec.Params{
		"8+2": {8, 2, 1}, "1+1": {1, 1, 1}, "64+16": {64, 16, 1}, "16+4x16": {16, 4, 16},
	} {
		if p, err := fec.ParseParams(s); err != nil || p != want || p.String() != s {
			t.Errorf("ParseParams(%q) = %v, %v, want %v", s, p, err, want)
		}
	}
	for _, s := range []string{"", "8", "8+", "+2", "8+2x", "8+2x0", "0+2", "8+0", "65+2", "8+17", "8+2x17", "64+2x5", "-8+2", "8++2", "08+2", "8+2 ", "99999999999999999999+2"} {
		if p, err := fec.ParseParams(s); !errors.Is(err, fec.ErrParams) {
			t.Errorf("ParseParams(%q) = %v, %v, want ErrParams", s, p, err)
		}
	}
}
