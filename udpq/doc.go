// Package udpq carries events over UDP: a server with a queue behind it, and
// the client to it.
//
// Frames are those of a stream, whole, one or more to a datagram, each with
// its checksum. A conversation is one pair of addresses:
//
//	client                                   server
//	  hello {versions, name}, origin   →                                 again until answered
//	                                   ←   welcome {version, limit, epoch}, origin
//	  subscribe topic, number          →                                 again until answered
//	                                   ←   receipt topic, number         or error topic, number
//	  emit topic, origin, sequence     →                                 once
//	                                   ←   event topic, origin, sequence [, offset]     once
//	  ack topic, offset                →                                 of stored topics, once
//	  ping                             →   pong                          while nothing else is said
//	  bye                              →   bye                           again until answered, three times
//
// # Reliability: none
//
// What is asked (hello, subscribe, bye) is asked again until it is answered.
// What is emitted is sent once: an event that is lost stays lost, one that
// is doubled or overtaken on the way comes so. The numbers tell the
// subscriber: every topic that an origin emits to is numbered apart (see
// [framing.Sequence]), so a number that is skipped is an event of this topic
// that has not come. What was lost before the first and after the last event
// that came, no number tells. An acknowledged offset says that the client
// has what came up to there, not that everything did.
//
// A replay of stored events keeps a window of them on the way, so that it
// does not overrun the client's receive buffer; when acks stay away it goes
// on all the same.
//
// # Strangers
//
// A datagram that is no frame is counted and never answered. A frame from an
// address without a session is counted as unauthorized, and answered with an
// error no larger than itself, at a bounded rate, so that the server is of no
// use to who forges addresses.
//
// Who starts a goroutine waits for it: Serve returns, and Close returns, when
// all of theirs have ended.
package udpq
