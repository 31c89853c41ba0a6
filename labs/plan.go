package labs

import (
	"cmp"
	"context"

	"rawlab/capture/account"
	"rawlab/internal/queue"
	"rawlab/labs/report"
)

// plan is what a lab does over one transport.
type plan struct {
	transport *transport
	variant   string                                 // what sets it apart from the lab's other plans of this transport
	topics    map[string]queue.Policy                // that the server is told
	name      string                                 // under which the subscriber listens, empty for none
	traffic   *Options                               // of its events, where they are not the network's
	topic     string                                 // of its events, empty for the labs' own
	body      func(i int) []byte                     // of the i-th event, from 0; nil: as large as the options say
	forced    bool                                   // the script decides when things happen, so that timing does not
	tune      func(*dialOptions)                     // last word on what its clients dial with; nil: none
	reopen    func(context.Context, *transfer) error // has the emitter connect anew when its connection is over; nil: it stays so
	ledger    func(*transfer) *account.Ledger        // settles the account, where that is not of one subscriber; nil: it is
	around    func(int, Host) Host                   // what the lab does to the sockets of a host, given its side; nil: nothing
	script    func(context.Context, *transfer) error
	clientele *clientele // its clients, where they are more than an emitter and a subscriber; nil: they are not
}

// subject is the topic of the plan's events.
func (p *plan) subject() string { return cmp.Or(p.topic, topic) }

// title names the plan among those of its lab.
func (p *plan) title() string {
	r := report.Run{Transport: p.transport.name, Reliability: p.transport.reliability, Variant: p.variant}
	return r.Name()
}
