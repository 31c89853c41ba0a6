package command

import (
	"strings"

	"github.com/spf13/pflag"

	"rawlab/udpq"
)

// reliabilityValue is a flag whose value is a rung of UDP's reliability.
type reliabilityValue udpq.Reliability

var _ pflag.Value = (*reliabilityValue)(nil)

func (v *reliabilityValue) String() string { return string(*v) }
func (v *reliabilityValue) Type() string   { return "rung" }

func (v *reliabilityValue) Set(s string) error {
	r, err := udpq.ParseReliability(s)
	*v = reliabilityValue(r)
	return err
}

// registerReliability adds the flag to commands that compare transports.
func registerReliability(s *pflag.FlagSet, v *udpq.Reliability) {
	s.Var((*reliabilityValue)(v), "reliability", "what UDP does for events that are lost, a `RUNG` of: "+strings.Join(udpq.Reliabilities(), ", "))
}
