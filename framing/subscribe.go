package framing

import (
	"encoding/binary"
	"time"
)

// Delivery is how much a subscriber wants to be sure of getting each event.
type Delivery uint8

// The deliveries. Their numbers are part of the format.
const (
	DeliveryDefault Delivery = 0 // what the topic offers: stored events until acknowledged, ignored ones once
	AtMostOnce      Delivery = 1 // never again once it is on its way
	AtLeastOnce     Delivery = 2 // again until acknowledged, or given up
)

// Subscribe is the payload of a subscribe frame; the topic, or the pattern of
// topics, is in the frame's header, and the frame's sequence comes back in
// the receipt.
//
//	u64 epoch | u64 offset
//	u64 epoch | u64 offset | u8 delivery | u8 overflow | u16 window | u32 redeliver after, ms | u16 deliveries
//
// A client that keeps its own resume point states it; zeros mean "where the
// server left me". The longer form asks for more than the defaults, and zeros
// in it mean those of the server.
type Subscribe struct {
	Epoch         uint64
	Offset        uint64 // first offset wanted
	Delivery      Delivery
	Overflow      uint8         // what happens when the subscriber is too slow: 1 drop-oldest, 2 disconnect, 3 block
	Window        uint16        // events on the way unacknowledged
	Redeliver     time.Duration // without any acknowledgement for so long, the oldest is sent again; whole milliseconds
	MaxDeliveries uint16        // of one event, then it is given up
}

const (
	resumeBytes    = 16
	subscribeBytes = resumeBytes + 10
)

// Append appends the encoded body to dst. Redeliver is rounded up to
// milliseconds, at most 2³²−1 of them.
func (s *Subscribe) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, s.Epoch)
	dst = binary.BigEndian.AppendUint64(dst, s.Offset)
	if *s == (Subscribe{Epoch: s.Epoch, Offset: s.Offset}) {
		return dst
	}
	dst = append(dst, byte(s.Delivery), s.Overflow)
	dst = binary.BigEndian.AppendUint16(dst, s.Window)
	dst = binary.BigEndian.AppendUint32(dst, milliseconds(s.Redeliver))
	return binary.BigEndian.AppendUint16(dst, s.MaxDeliveries)
}

func milliseconds(d time.Duration) uint32 {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return uint32(min(max(0, ms), 1<<32-1))
}

// ParseSubscribe decodes the payload of a subscribe frame.
func ParseSubscribe(b []byte) (Subscribe, error) {
	c := cursor{b: b}
	s := Subscribe{Epoch: c.u64(), Offset: c.u64()}
	if len(b) == resumeBytes {
		return s, nil
	}
	s.Delivery, s.Overflow, s.Window = Delivery(c.u8()), c.u8(), c.u16()
	s.Redeliver = time.Duration(c.u32()) * time.Millisecond
	s.MaxDeliveries = c.u16()
	if s.Delivery > AtLeastOnce || s == (Subscribe{Epoch: s.Epoch, Offset: s.Offset}) {
		return Subscribe{}, ErrInvalid // one meaning has one encoding: wishes that are none take the shorter form
	}
	return s, c.end()
}
