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
//	ack | FlagOffset | origin:   bytes of frames, from number 1 on, that there is room for
//	                 | sequence: the datagram's number from 1, 0 if it has none
//	                 | time:     when it was sent, by its sender's clock, ns; each transmission has another
//	                 | offset:   all numbers up to and including it have come
//	                 | payload:  none, or u64 time of what came last | ranges that have come too
//
// A datagram keeps its number when it is sent again; the time that comes back
// says which of them came. At most [Window] numbers are on the way, which
// bounds what both ends remember; and no more bytes of frames than the other
// end has room for, of what waits for an earlier datagram and of what the
// application has not done with. Who has none left says so, and is asked now
// and then (RFC 9293 section 3.8.6.1): a slow application makes the emitter
// wait and loses nothing.
//
// What has to wait for the window shares datagrams, as far as they fit.
//
// # What counts as lost
//
// What was sent before something that came, and is late by more than its round
// trip and a quarter of the least one, or three datagrams of a path that has
// not reordered any: RACK (RFC 8985). Where datagrams overtake each other, one
// has to be later than any that was overtaken and came, in the time of the last
// 16 to 32 losses, by an eighth. A retransmit was needless when its datagram is
// acknowledged sooner than it could have come, or comes a second time and is
// answered: that widens what is waited, and undoes what the window lost for it.
//
// When nothing comes, the other end is probed by sending the oldest again,
// after a round trip, four times its variation and 10 ms, doubled from then on
// (RFC 6298 with Karn's algorithm, see [RTT]; RFC 9002 section 6.2). The end of
// a burst is so repaired in about two round trips; nothing counts as lost
// before an answer tells. It is given up when the oldest is without one for
// [DefaultGiveUp].
//
// # Congestion
//
// Three algorithms, see [Congestion], paced by a token bucket (RFC 9002 section
// 7.7, see [Pacer]). The default is Westwood+ since events are few and losses
// on radio links many: over a wire of 20 ms round trip that loses 5 %, 2,500
// events/s of 128 B took 2.4 s in the median with NewReno, 0.85 s with CUBIC,
// and 0.03 s with it (TestLateness). Beside each other and beside TCP it takes
// no more than they do: the window it goes back to leaves no queue. On a wire
// of 10 Mbit/s and 20 ms each way, events got 45 to 50 % beside TCP's Reno
// (Jain's index 0.99 to 1.00), and 17 to 30 % beside BBR, which takes more than
// its share from whoever heeds losses.
//
// Acks are sent as RFC 9000 section 13.2 recommends.
//
// No type here is safe for concurrent use.
package ack
