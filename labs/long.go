package labs

import (
	"fmt"
	"time"
)

// longestReading is how long a subscriber may take for the events of a run in
// real time. A transport that loses none of them makes the emitter wait for
// as long; one that loses them ends when the emitter does.
const longestReading = 2 * time.Minute

// refuseLong says which run would take longer than that.
func (g *group) refuseLong() error {
	if g.options.backend() == BackendVirtual {
		return nil
	}
	for _, p := range g.plans {
		events, delay := g.options.Events, g.options.ReaderDelay
		if p.clientele != nil {
			events, delay = p.clientele.longest()
		}
		reading := time.Duration(events) * delay
		if p.transport.complete && reading > longestReading {
			return &OptionError{fmt.Errorf("--events %d with --reader-delay %v: %s loses none of them, so its subscriber reads for %v at least, and %v is the most; "+
				"take fewer events or a faster reader, or 'rawlab lab run loss --transport udp', which leaves TCP out", events, delay, p.title(), reading, longestReading)}
		}
	}
	return nil
}
