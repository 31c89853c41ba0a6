package wire

import "fmt"

// Toward is a direction of the wire, as a rule may name it.
type Toward uint8

// The directions of a wire, by the host they lead to; on a switch's link,
// the first is up from the host, the second down to it.
const (
	BothWays Toward = iota
	ToServer
	ToClient
	towards
)

// ProtocolICMP is IPv4's ICMP; in a rule it means IPv6's as well.
const (
	ProtocolICMP   = 1
	protocolICMPv6 = 58
)

// Selector picks packets; each field that is not zero must fit. A later IP
// fragment has the ports of the first, if that came before it.
type Selector struct {
	Protocol uint8 // ProtocolTCP, ProtocolUDP or ProtocolICMP
	Port     uint16
	Toward   Toward
}

// Rule is what holds for some packets in place of everything else. One that
// has the same rate, queue and AQM as what it replaces shares that queue;
// otherwise it has a queue of its own.
type Rule struct {
	Selector
	Impairment Impairment // without schedule and rules of its own
}

func (s *Selector) matches(p *packet, direction uint8) bool {
	protocol := p.flow.protocol
	if protocol == protocolICMPv6 {
		protocol = ProtocolICMP
	}
	return (s.Protocol == 0 || s.Protocol == protocol) &&
		(s.Port == 0 || s.Port == p.ports[0] || s.Port == p.ports[1]) &&
		(s.Toward == BothWays || uint8(s.Toward-ToServer) == direction%2)
}

func (r *Rule) validate() error {
	switch {
	case r.Protocol != 0 && r.Protocol != ProtocolTCP && r.Protocol != ProtocolUDP && r.Protocol != ProtocolICMP:
		return fmt.Errorf("wire: rule for protocol %d, must be TCP, UDP or ICMP", r.Protocol)
	case r.Port != 0 && r.Protocol == ProtocolICMP:
		return fmt.Errorf("wire: rule for port %d of ICMP, which has none", r.Port)
	case r.Toward >= towards:
		return fmt.Errorf("wire: rule for direction %d, there are two", r.Toward)
	}
	if err := r.Impairment.validatePlain("rule"); err != nil {
		return fmt.Errorf("%w, in the rule '%s'", err, &r.Selector)
	}
	return nil
}
