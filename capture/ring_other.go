//go:build !linux

package capture

import (
	"context"

	"rawlab/capture/pcapng"
)

// Ring captures from an interface. Only Linux has one.
type Ring struct{}

// OpenRing fails with [ErrUnsupported].
func OpenRing(*RingConfig) (*Ring, error) { return nil, ErrUnsupported }

// Read fails with [ErrUnsupported].
func (*Ring) Read(context.Context) ([]Packet, error) { return nil, ErrUnsupported }

// Stop does nothing.
func (*Ring) Stop() {}

// Close does nothing.
func (*Ring) Close() error { return nil }

// Stats fails with [ErrUnsupported].
func (*Ring) Stats() (Stats, error) { return Stats{}, ErrUnsupported }

// LinkType returns 0.
func (*Ring) LinkType() uint16 { return 0 }

// Interfaces returns none.
func (*Ring) Interfaces() []pcapng.Interface { return nil }
