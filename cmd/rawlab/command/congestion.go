package command

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"rawlab/internal/spelling"
	"rawlab/udpq"
	"rawlab/udpq/ack"
)

// congestionValue is a flag whose value is how the rung ack controls congestion.
type congestionValue udpq.Congestion

var _ pflag.Value = (*congestionValue)(nil)

func (v *congestionValue) String() string { return string(*v) }
func (v *congestionValue) Type() string   { return "algorithm" }

func (v *congestionValue) Set(s string) error {
	c, err := ack.ParseCongestion(s)
	if err != nil {
		return fmt.Errorf("%w; the nearest is %q", err, spelling.Nearest(strings.ToLower(s), congestions()))
	}
	*v = congestionValue(c)
	return nil
}

// registerCongestion adds the flag where a rung is asked for or granted.
func registerCongestion(s *pflag.FlagSet, name string, v *udpq.Congestion, whose string) {
	s.Var((*congestionValue)(v), name, whose+", `ALGORITHM` of congestion control: "+strings.Join(congestions(), ", ")+" (default "+congestions()[0]+")")
}

func congestions() (names []string) {
	for _, c := range ack.Congestions() {
		names = append(names, string(c))
	}
	return names
}

// checkCongestion refuses an algorithm where nothing is acknowledged.
func checkCongestion(c udpq.Congestion, r udpq.Reliability) error {
	if c != "" && r != udpq.ReliabilityAck {
		return usagef("--congestion %s is how what is acknowledged is sent: add --reliability ack", c)
	}
	return nil
}
