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
// Impairments are given in netem's words and units, see [ParseImpairment].
// Every packet has the same numbers of its own whatever the impairment asks
// for, so changing only the loss leaves every delay as it was.
//
// What lies behind a packet's neighbours, a burst of losses or a gap between
// packets that overtake, follows the chain that the packet belongs to, not
// the order in which packets come. The chain of a datagram with an identity
// is its origin's events by their sequence numbers; fragments at one offset,
// and what comes for the nth time, have chains of their own. The chain of a
// TCP segment is the stream, by pieces of an MSS. A segment sent again, or
// without data, is in none and meets a state drawn for it alone: hosts send
// it when they have waited, and longer each time, so a chain of them would
// hold a burst for minutes. The chain of anything else is its flow. So a burst takes events 41 to 46 also when 44 comes
// first, and there is nothing that timing could change.
//
// Only this depends on time: what the queue before a rate drops, and in which
// phase of a schedule a packet comes.
//
// A network address translator may stand before the first host, see
// [Translation]. Fates are those of the packets as they came to it.
//
// The package knows Ethernet, IP, TCP and UDP headers, and nothing of what
// they carry.
package wire
