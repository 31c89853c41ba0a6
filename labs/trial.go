package labs

import (
	"context"
	"fmt"

	"rawlab/labs/report"
	"rawlab/udpq"
)

// trial is one run of a lab that compares several, each on a network of its
// own.
type trial struct {
	transport *transport
	variant   string         // what sets it apart from the lab's other trials of this transport
	change    func(*Options) // what differs from the lab's options; nil: nothing
}

// overBoth is a trial over TCP and one over plain UDP.
func overBoth(variant string, change func(*Options)) []trial {
	return []trial{{overTCP, variant, change}, {overUDP(udpq.ReliabilityNone), variant, change}}
}

// try carries out every trial: emit everything, then wait until it has
// settled.
func (out *Outcome) try(ctx context.Context, o *Options, trials ...trial) error {
	_, err := out.tryAndKeep(ctx, o, trials...)
	return err
}

// tryAndKeep is try for those who ask the recordings too.
func (out *Outcome) tryAndKeep(ctx context.Context, o *Options, trials ...trial) ([]*Recording, error) {
	var groups []group
	for _, t := range trials {
		own := *o
		if t.change != nil {
			t.change(&own)
		}
		groups = append(groups, group{&own, []*plan{{transport: t.transport, variant: t.variant, script: steady}}})
	}
	return out.conductTogether(ctx, o, groups...)
}

// check makes a check of a claim.
func check(held bool, claim, measured string, args ...any) report.Check {
	return report.Check{Claim: claim, Measured: fmt.Sprintf(measured, args...), Held: held}
}

// completeCheck holds a run to having delivered every event exactly once.
func completeCheck(u *report.Run) report.Check {
	return check(u.Delivered == u.Emitted && u.Duplicates == 0, fmt.Sprintf("%s delivers every event exactly once", u.Name()),
		"%s of %s, %d twice", report.Count(u.Delivered), report.Count(u.Emitted), u.Duplicates)
}
