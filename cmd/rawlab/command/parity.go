package command

import (
	"fmt"
	"io"
	"strings"

	"rawlab/udpq"
)

// parityReport is what --reliability fec came to, in datagrams.
type parityReport struct {
	Sent       uint64 `json:"sent"`
	Repaired   uint64 `json:"repaired"`   // of events, rebuilt
	Unrepaired uint64 `json:"unrepaired"` // of events, lost in spite of parity
	Late       uint64 `json:"late"`       // of events, came after they were given up
}

// parity returns what a client's parity came to, nil without the rung.
func (f *clientFlags) parity(c client) *parityReport {
	told, is := c.(interface{ Stats() udpq.ClientStats })
	if !is || !strings.HasPrefix(f.reliability, string(udpq.ReliabilityFEC)) {
		return nil
	}
	s := told.Stats().FEC
	return &parityReport{s.Parity, s.Repaired, s.Unrepaired, s.Late}
}

// write says it; without the rung, nothing.
func (r *parityReport) write(w io.Writer) {
	if r != nil {
		fmt.Fprintf(w, "parity: %d sent, %d datagrams of events repaired, %d not, %d late\n", r.Sent, r.Repaired, r.Unrepaired, r.Late)
	}
}
