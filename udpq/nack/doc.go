// Package nack repairs what a wire loses: who receives notices what is
// missing and asks for it, and who sent it sends it again, or says that it no
// longer can. Nobody waits for acknowledgements.
//
// It is state machines alone. They know neither sockets nor a clock: whoever
// runs them says what came, asks what to send, and calls again at Wake. So
// they can be tried over any wire a test can think of.
//
//	Send → Sender → AppendNumber → the wire → Split → Receiver.Accept → what may go
//	         ↑                                              |
//	       Asked ←── Parse ←── the wire ←── Append ←──── Message
//
// # The bytes
//
// What has no log is numbered, datagram by datagram, and kept in a ring of
// bounded bytes and age. Such a datagram is whole frames, and behind them a
// nack frame without a topic, whose sequence is its number from 1: so that
// the first frame still says which event a packet carries. It costs 36 bytes.
//
// Events of a stored topic have their offsets, without holes, and the log
// keeps them: they travel as they are, and for them nothing is kept here.
//
// What else is said is a frame of its own, a nack with [framing.FlagOffset];
// with a topic it is about the offsets of its log, without about numbers:
//
//	ask     offset: all up to it has come, or will not | payload: ranges that are missing
//	gone    code limit, or timeout if it was given up  | payload: ranges that will not come
//	beat    offset: the last that was sent             | sequence: the first, of a log
//	answer  offset: all up to it has come, or will not | of numbers it is an ack frame: u64 how many will not
//
// # What is done
//
// A number that is skipped may only be late: it is asked for when it has been
// missing for ReorderWait, or longer where that has proved to be too early. It is asked for again after a round trip and what it varies by, then
// after twice as long each time, up to 2 s; after Tries times in vain, about
// 10 s, it is given up. What the sender no longer has, it says is gone. Either
// way the receiver goes on behind it and says so, in its place if in order. What
// is asked for again sooner than a repair can have come is not sent once more,
// but counted: the receiver may not know the round trip yet.
//
// The last of a burst leaves no gap behind. So the sender tells how far it is:
// 20 ms after the first and the last, every 200 ms meanwhile, and then less
// and less often until it is answered, 14 times at most. The answer also
// empties the ring.
//
// # Bounds
//
// All of [Config]. A request names at most 64 ranges, and no more numbers than
// 1024, and than there is room for, are asked for at a time. Repairs leave
// through a token bucket of RepairRate bytes per second. What comes and finds
// no room to wait in counts as missing.
//
// # Sources
//
// The ways of asking are those of RFC 5740 (NORM) and RFC 4585 (early NACK
// feedback of RTP), without their groups; round trips are smoothed as in RFC
// 6298, with Karn's algorithm; the wait for what is late adapts as in RFC 8985.
//
// No type here is safe for concurrent use.
package nack
