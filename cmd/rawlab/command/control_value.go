package command

import (
	"fmt"
	"slices"
	"strings"

	"rawlab/internal/spelling"
	"rawlab/labs"
)

// controlValue is the name of a congestion control of TCP that hosts have.
type controlValue string

func (v *controlValue) String() string { return string(*v) }
func (v *controlValue) Type() string   { return "algorithm" }

func (v *controlValue) Set(s string) error {
	known := labs.CongestionControls()
	if !slices.Contains(known, s) {
		return fmt.Errorf("this machine's hosts have %s; the nearest is %q", strings.Join(known, ", "), spelling.Nearest(s, known))
	}
	*v = controlValue(s)
	return nil
}
