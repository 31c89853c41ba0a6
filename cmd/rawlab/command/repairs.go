package command

import (
	"fmt"
	"io"

	"rawlab/udpq"
)

// repairsReport is what --reliability nack came to, in datagrams; at a
// listener, those of stored topics in events.
type repairsReport struct {
	Asked    uint64 `json:"asked"`    // found missing and asked for
	Repaired uint64 `json:"repaired"` // sent again, or came, after that
	Expired  uint64 `json:"expired"`  // no longer kept by who sent it
	Lost     uint64 `json:"lost"`     // will not come: expired, or asked for in vain
}

// repairs returns what a client has repaired, nil without the rung.
func (f *clientFlags) repairs(c client, report func(*udpq.ClientStats) repairsReport) *repairsReport {
	told, is := c.(interface{ Stats() udpq.ClientStats })
	if !is || f.reliability != string(udpq.ReliabilityNack) {
		return nil
	}
	stats := told.Stats()
	r := report(&stats)
	return &r
}

func repairsSent(s *udpq.ClientStats) repairsReport {
	return repairsReport{s.Sending.Asked, s.Sending.Repaired, s.Sending.Expired, s.Sending.Lost}
}

func repairsReceived(s *udpq.ClientStats) repairsReport {
	r := s.Receiving
	return repairsReport{r.Asked, r.Repaired, r.Expired, r.Expired + r.GivenUp}
}

func (r *repairsReport) write(w io.Writer) {
	fmt.Fprintf(w, "repairs: %d asked for, %d repaired, %d expired, %d lost\n", r.Asked, r.Repaired, r.Expired, r.Lost)
}

// err returns that not everything that was emitted has come.
func (r *repairsReport) err() error {
	if r == nil || r.Lost == 0 {
		return nil
	}
	return fmt.Errorf("%d datagrams with events were lost on the way and not repaired", r.Lost)
}
