package bench

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"rawlab/udpq"
)

// Defaults of [Config].
const (
	DefaultDuration = 5 * time.Second
	DefaultSize     = 128
	DefaultRounds   = 5
	DefaultRate     = 10_000 // events per second that any machine carries
)

// Bounds of [Config].
const (
	maxEvents   = 100_000_000
	maxSize     = 60_000 // fits one UDP datagram with our header
	maxParallel = 64
	maxRate     = 10_000_000
	maxRounds   = 100
	maxTime     = time.Hour
	minRound    = 50 * time.Millisecond // shorter, the timers of the machine decide
)

// Config says what to measure. The zero value of a field is its default.
type Config struct {
	Transports  []string         // "tcp", "udp" or both, default both
	Rates       []float64        // events per second, all emitters together; 0 is as fast as possible. Default DefaultRate, then 0
	Duration    time.Duration    // of each transport at each rate, all rounds together; default DefaultDuration
	Events      int              // instead of Duration: emitted over each transport at each rate
	Size        int              // payload of an event in bytes, default DefaultSize
	Parallel    int              // pairs of emitter and subscriber, default 1
	Omit        time.Duration    // warm-up of each transport at each rate that is not measured
	Reliability udpq.Reliability // of UDP, default none
	Congestion  udpq.Congestion  // with udpq.ReliabilityAck, of the emitters
	Rounds      int              // that share Duration or Events, default DefaultRounds

	// Server returns the command that runs this package's Serve for a
	// transport, its standard input and output left free.
	Server func(transport string) (*exec.Cmd, error)
	// Progress is told of every round that begins. Nil: nobody is.
	Progress func(Progress)
}

// Progress is a round that begins.
type Progress struct {
	Transport     string
	Rate          float64
	Round, Rounds int // from 1; 0 is the warm-up
}

// ConfigError says which option is wrong.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

func (c *Config) orDefault() Config {
	d := *c
	if len(d.Transports) == 0 {
		d.Transports = []string{"tcp", "udp"}
	}
	if len(d.Rates) == 0 {
		d.Rates = []float64{DefaultRate, 0}
	}
	if d.Duration == 0 {
		d.Duration = DefaultDuration
	}
	if d.Size == 0 {
		d.Size = DefaultSize
	}
	if d.Parallel == 0 {
		d.Parallel = 1
	}
	d.Reliability = cmp.Or(d.Reliability, udpq.ReliabilityNone)
	if d.Rounds == 0 {
		d.Rounds = DefaultRounds
		if d.Events == 0 {
			d.Rounds = max(1, min(d.Rounds, int(d.Duration/minRound)))
		}
	}
	if d.Progress == nil {
		d.Progress = func(Progress) {}
	}
	return d
}

func (c *Config) validate() error {
	var err error
	switch {
	case slices.ContainsFunc(c.Transports, func(t string) bool { return t != "tcp" && t != "udp" }):
		err = fmt.Errorf("transports %q: tcp and udp are known", c.Transports)
	case slices.ContainsFunc(c.Rates, func(r float64) bool { return !(r >= 0 && r <= maxRate) }):
		err = fmt.Errorf("rate: must be 0, as fast as possible, to %d events per second", maxRate)
	case c.Events < 0 || c.Events > maxEvents:
		err = fmt.Errorf("%d events: must be 1 to %d", c.Events, maxEvents)
	case c.Events > 0 && c.Events < c.Rounds*c.Parallel:
		err = fmt.Errorf("%d events: at least one for each of %d rounds and %d emitters", c.Events, c.Rounds, c.Parallel)
	case c.Size < 1 || c.Size > maxSize:
		err = fmt.Errorf("events of %d bytes: must be 1 to %d", c.Size, maxSize)
	case c.Parallel < 1 || c.Parallel > maxParallel:
		err = fmt.Errorf("%d parallel emitters: must be 1 to %d", c.Parallel, maxParallel)
	case c.Omit < 0 || c.Omit > maxTime || c.Duration > maxTime:
		err = fmt.Errorf("times must be up to %v", maxTime)
	case c.Rounds < 1 || c.Rounds > maxRounds:
		err = fmt.Errorf("%d rounds: must be 1 to %d", c.Rounds, maxRounds)
	case c.Events == 0 && c.Duration < time.Duration(c.Rounds)*minRound:
		err = fmt.Errorf("%v for %d rounds: each needs at least %v", c.Duration, c.Rounds, minRound)
	case c.Server == nil:
		return errors.New("bench: Config.Server is nil")
	}
	if err != nil {
		return &ConfigError{err}
	}
	return nil
}
