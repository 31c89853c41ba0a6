package capture

import (
	"rawlab/capture/filter"
	"rawlab/capture/pcapng"
)

// Match reports whether a filter takes a packet. It fails with
// [filter.ErrDirection] where that depends on what the packet does not tell.
func Match(f *filter.Program, p *Packet) (bool, error) {
	direction := filter.DirectionUnknown
	switch p.Flags & pcapng.FlagDirection {
	case pcapng.FlagInbound:
		direction = filter.Inbound
	case pcapng.FlagOutbound:
		direction = filter.Outbound
	}
	return f.MatchPacket(filter.Packet{Data: p.Data, Length: p.Length, Direction: direction})
}
