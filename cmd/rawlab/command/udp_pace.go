package command

import (
	"github.com/spf13/pflag"

	"rawlab/labs/wire"
	"rawlab/udpq"
)

// paceFlags bound how fast datagrams leave.
type paceFlags struct {
	rate  rateValue
	burst bytesValue
}

func (f *paceFlags) register(s *pflag.FlagSet, whose string) {
	s.Var(&f.rate, "udp-rate", "send UDP datagrams "+whose+" no faster than `10Mbit`, headers of UDP, IP and Ethernet counted (default as fast as the system takes them)")
	s.Var(&f.burst, "udp-burst", "with --udp-rate: what may leave at once after a pause, `bytes` (default ten datagrams, or what leaves in 2ms)")
}

func (f *paceFlags) check() error {
	switch {
	case f.rate != 0 && f.rate < udpq.MinRate:
		return usagef("--udp-rate %s: want %dbit or more", &f.rate, udpq.MinRate)
	case f.burst != 0 && f.rate == 0:
		return usagef("--udp-burst is what may leave at once at a rate: add --udp-rate, such as 10Mbit")
	}
	return nil
}

func (f *paceFlags) pace() udpq.Pace { return udpq.Pace{Rate: int64(f.rate), Burst: int(f.burst)} }

// rateValue is bits per second, in tc's units.
type rateValue int64

var _ pflag.Value = (*rateValue)(nil)

func (v *rateValue) Type() string { return "rate" }

func (v *rateValue) String() string {
	if *v == 0 {
		return "0"
	}
	return wire.FormatRate(int64(*v))
}

func (v *rateValue) Set(s string) error {
	bits, err := wire.ParseRate(s)
	*v = rateValue(bits)
	return err
}
