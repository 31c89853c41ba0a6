package queue

import (
	"fmt"
	"time"

	"rawlab/framing"
)

// Defaults of a subscription that wants each event at least once.
const (
	DefaultAckWindow = 1024
	DefaultRedeliver = 30 * time.Second
)

// terms is what a subscription was granted.
type terms struct {
	delivery      framing.Delivery
	overflow      Overflow      // of what is ignored
	window        int           // events on the way unacknowledged; 0 does not limit
	redeliver     time.Duration // without an acknowledgement for so long, the oldest is sent again
	maxDeliveries int           // of one event; 0 does not limit
}

// agree turns a wish into terms, or says why it is not granted.
func (s *Session) agree(wish framing.Subscribe) (terms, error) {
	t := terms{delivery: wish.Delivery, overflow: s.out.overflow, maxDeliveries: int(wish.MaxDeliveries)}
	if wish.Overflow > 0 {
		t.overflow = Overflow(wish.Overflow - 1)
	}
	switch {
	case int(t.overflow) >= len(overflowNames):
		return t, fmt.Errorf("%w: overflow policy %d: 1 is drop-oldest, 2 disconnect, 3 block", framing.ErrInvalid, wish.Overflow)
	case t.overflow == Block && s.out.overflow != Block:
		return t, fmt.Errorf("%w: with overflow policy block one subscriber could hold up everybody who emits; this server does not let it", framing.ErrInvalid)
	case wish.Delivery != framing.AtLeastOnce && wish != (framing.Subscribe{Epoch: wish.Epoch, Offset: wish.Offset, Delivery: wish.Delivery, Overflow: wish.Overflow}):
		return t, fmt.Errorf("%w: only delivery at-least-once knows acknowledgements, so a window and redelivery", framing.ErrInvalid)
	case wish.Delivery != framing.AtLeastOnce:
		return t, nil
	}
	t.window = positive(int(wish.Window), DefaultAckWindow)
	t.redeliver = wish.Redeliver
	if t.redeliver == 0 {
		t.redeliver = DefaultRedeliver
	}
	return t, nil
}

// WishFor returns the number by which a subscribe frame asks for the policy.
func (o Overflow) WishFor() uint8 { return uint8(o) + 1 }

// wantsLog reports whether a subscription makes its topic a stored one.
func (s *Session) wantsLog(terms *terms) bool {
	return s.name != "" || terms.delivery == framing.AtLeastOnce
}

// suits returns why a topic cannot keep the terms, nil if it can.
func (t *topic) suits(terms *terms) error {
	if terms.delivery == framing.AtLeastOnce && !t.stored.Load() {
		return fmt.Errorf("%w: topic %q is set to ignore what nobody is there for: nothing can be delivered at least once", framing.ErrInvalid, t.name)
	}
	return nil
}
