// Package ack makes datagrams arrive: each once, in order if wanted, or the
// conversation is given up.
//
// It is state machines alone. They know neither sockets nor a clock: whoever
// runs them says what came, asks what to send, and calls again at Wake. So
// they can be tried over any wire a test can think of.
//
//	Send → Sender → Next → header.Append → the wire → Split → Receiver.Accept → what to deliver
//	         ↑                                                        |
//	       OnAck ←──────── Split ←──────── the wire ←──── header.Append ← Acknowledge
//
// # The bytes
//
// A datagram is whole frames, and a [Header] as its last one: an ack frame
// without a topic. It stands behind, so that the first frame still says which
// event a packet carries.
//
//	ack | FlagOffset | sequence: the datagram's number from 1, 0 if it has none
//	                 | time:     when it was sent, by its sender's clock, ns
//	                 | offset:   all numbers up to and including it have come
//	                 | payload:  none, or u64 time of what came last | ranges that have come too
//
// A datagram keeps its number when it is sent again; the time that comes back
// says which of them came. At most [Window] numbers
// are on the way, which bounds what both ends remember.
//
// # Sources
//
// The retransmission timer is that of RFC 6298 with Karn's algorithm (see
// [RTO]); a datagram counts as lost when three sent after it have come (RFC
// 9002 section 6.1.1); acks are sent as RFC 9000 section 13.2 recommends. The
// window is NewReno's (RFC 9002 section 7, see [NewReno]), paced by a token
// bucket (section 7.7, see [Pacer]).
//
// No type here is safe for concurrent use.
package ack
