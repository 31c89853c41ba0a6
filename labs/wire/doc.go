// Package wire is the link between hosts: it carries packets from one port
// to another through an impairment and records what became of each.
//
// A packet's fate is a pure function of the seed and of which packet it is,
// never of when it came, so the same seed loses the same packets however
// acknowledgements, ARP and scheduling interleave:
//
//	fate = hash(seed, direction, protocol, service port, key)
//
//	key of a UDP datagram that carries an identity:  (identity, nth time it is seen)
//	key of an IP fragment of such a datagram:        (identity, offset, nth time it is seen)
//	key of another UDP datagram:                     (nth flow of its kind, ordinal in the flow)
//	key of a TCP segment with data:                  (nth flow of its kind, relative sequence / MSS, nth time it begins there)
//	key of anything else:                            (nth flow of its kind, ordinal in the flow)
//
// The identity is what a caller's function finds in a datagram's payload: an
// origin and a sequence number. With it, an event's fate does not move when a control datagram is sent
// once more, nor when packets before it changed their order.
//
// Impairments are given in netem's words and units. Every packet draws the
// same count of numbers, so changing only the loss leaves every delay as it
// was. Only rate and queue depend on time: what they drop is up to when
// packets come.
//
// The package knows Ethernet, IP, TCP and UDP headers, and nothing of what
// they carry.
package wire
