// Package udpq carries events over UDP: a server with a queue behind it, and
// the client to it.
//
// Frames are those of a stream, whole, one or more to a datagram, each with
// its checksum. A conversation is one pair of addresses:
//
//	client                                   server
//	  hello {versions, name}, origin   →                                 again until answered
//	                                   ←   error retry, cookie
//	  hello, cookie                    →                                 again until answered
//	                                   ←   welcome {version, limit, epoch}, origin, key
//	  subscribe topic, number          →                                 again until answered
//	                                   ←   receipt topic, number         or error topic, number
//	  emit topic, origin, sequence     →                                 once
//	                                   ←   event topic, origin, sequence [, offset]     once
//	  ack topic, offset                →                                 of stored topics, once
//	  ping                             →   pong                          while nothing else is said
//	  bye, key                         →   bye                           again until answered, three times
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
// # Reliability: ack
//
// A client that asks for it in its hello, and is granted it in the welcome,
// has its events acknowledged in both directions, datagram by datagram, and
// those that are lost sent again: package ack draws the bytes and names the
// RFCs. Each event comes once, in the order of the datagrams or, if the
// client wants it so, as they arrive. What is asked is repeated as before.
//
//	client                                   server
//	  hello topic "ack" or "ack,unordered" →                             again until answered
//	                                   ←   welcome topic the same        none: the server does not speak it
//	  emit, number                     →                                 until acknowledged
//	                                   ←   event, number                 until acknowledged
//	  ack up to, ranges                ↔   ack up to, ranges             every second datagram, 10 ms, or a hole
//
// Who does not acknowledge a datagram for 30 s is given up: the conversation
// ends, and events it still owed have the fate connection-lost. A client
// learns how many datagrams that are from [ClientStats]; the server counts an
// event as forwarded when it is first sent, as it does without acks, and as
// connection-lost when it was not sent. A server that stops sends what waits
// once, and waits for no acks. An ack says that the other end has an event,
// not that it is stored or was forwarded.
//
// It costs 44 bytes in each datagram of events and one of 52 bytes or more
// for every two of them; a round trip and more for what is lost, and in order
// for all that follows it; and memory at each end for up to 1 MiB sent and
// not acknowledged, and 2 MiB (a client: InboxBytes) that wait for an earlier
// datagram or for the application. Who has no room left tells the other end,
// which then waits. A quiet conversation takes about 30 KiB. The window of
// congestion control is shared by all topics: on a path that cannot carry more,
// events wait at the emitter, or in the outbox by its policy, and then share
// datagrams whatever the budget for packing.
//
// # Reliability: nack
//
// Events are sent once, and nobody waits for acknowledgements: who receives
// finds what is missing and asks for it, who sent it sends it again while it
// is kept. Package nack draws the bytes and says when it asks.
//
//	client                                   server
//	  hello topic "nack" or "nack,unordered" →                           again until answered
//	                                   ←   welcome topic the same        none: the server does not speak it
//	  emit, number                     →                                 once, and when it is asked for
//	                                   ←   event, number                 the same; of an ignored topic
//	                                   ←   event, offset                 the same; of a stored topic, from its log
//	  nack missing numbers             ↔   nack missing numbers          10 ms after the gap, then less and less often
//	  nack topic, missing offsets      →                                 the same
//	  nack numbers that are gone       ↔   nack numbers that are gone    when they are asked for
//	                                   ←   nack topic, offsets gone      when they are asked for, and trimmed
//	  nack up to                       ↔   nack [topic,] up to           20 ms after the last event, until answered
//	  ack up to                        ↔   ack up to                     the answer
//	  nack topic, up to                →                                 the answer
//
// It promises that each event comes once, in order or, if the client wants it
// so, as it comes, or that its fate is told: expired, when its sender no
// longer keeps it, or given up, when it was asked for about 10 s in vain. What
// was emitted and has not reached the server counts there as expired, by origin
// and sequence as far as later events of the same stream, in order, tell them;
// the emitter learns how many datagrams that were. A subscriber is told by
// OnLost, in its place, and by OnGap. Events of stored topics always come in
// the order of their log, since that is what is acknowledged.
//
// What it keeps for that is bounded, see [nack.Config]: the last 4 MiB and 10 s
// of numbered datagrams at who sent them, let go as soon as the other end
// answers; and 4 MiB at who waits for something earlier. Of stored events the
// server keeps nothing for a client: they are read from their log again, as
// long as retention keeps them, whichever life of client or server they were
// sent in. A server that stops repairs nothing more: what a client missed of
// ignored topics in the last moment is lost, and of stored ones it comes when
// the client is back.
//
// It promises nothing beyond: an emitter that outruns the server or the path
// is not slowed down, and what the ring has lost by the time it is asked for
// is gone. Flush and Close wait until nothing is missing any more, and say so
// if nobody answers. A server that publishes more slowly than events come lets
// them be missing, and asks again.
//
// It costs 36 bytes in each numbered datagram, none in those of stored events,
// and while there are events five datagrams of 44 bytes in a second each way,
// with their answers of 52; a round trip and 10 ms for what is lost, and in
// order for all that follows it. Repairs leave at 4 MiB/s at most.
//
// # Reliability: fec
//
// Each datagram of events is sent once, and behind every k of them m of
// parity: any m of the k + m may be lost, in both directions, and what they
// carried is rebuilt without asking. Package fec draws the bytes and says what
// is left of loss, on its own and in bursts.
//
//	client                                   server
//	  hello topic "fec:8+2", "fec:8+2x4,unordered" … →                   again until answered
//	                                   ←   welcome topic the same        none: the server does not speak it; error limit: over 64+16
//	  emit, number                     →                                 once
//	  parity of up to 8                →                                 twice, with the 8th or after 5 ms
//	                                   ←   event, number; parity         the same
//
// Each event comes once at most, in the order of the datagrams or, if the
// client wants it so, as they arrive. In order, what is missing is waited for
// 50 ms; then it is given up, which the numbers tell as a gap, and what comes
// later still is dropped. Nothing is confirmed: Flush says that all has left.
//
// It costs 36 bytes in each datagram of events, m/k of all bytes and 49 in
// each of parity, as long as the longest it covers: up to m times its bytes
// for an event that is alone. It costs no time for what comes; for what is
// repaired, as long as its group takes to come, 5 ms and the way at most, and
// in order, all that follows it waits as long. Memory at each end is up to 512
// KiB that wait to leave at no more than 1 Gbit/s, 256 KiB not covered yet
// and 1 MiB that wait for something earlier; a quiet conversation takes
// about 10 KiB.
//
// # Pace
//
// With a [Pace], whatever the rung, a token bucket bounds how fast datagrams
// leave: events, repairs and parity wait for it, and with them who emits, or
// the outbox. Hellos, pongs and the like do not wait, but count. Every client of
// a server has a bucket of its own, and so has a group. A server that stops,
// and a client that closes, keep the pace for DrainTimeout or CloseTimeout; what
// has not left by then has the fate connection-lost or send-refused.
//
// # Size
//
// A frame that is larger than a datagram may be is cut into fragment frames,
// both ways and on every rung, up to [MaxEmit]: package fragment draws them,
// and says what the other end refuses. A rung sees datagrams like any others,
// and repairs what it repairs. A client says that it takes pieces behind the
// rung it asks for ("ack,pieces"), a server by the limit in its welcome; who
// says nothing, or wants [FragmentsIP], gets whole datagrams of up to
// [MaxWhole], which IP cuts.
//
// An event of which no piece came for 5 s and some are missing has the fate
// fragment-lost: at the server in Stats and Trace, with its identity, at the
// client in Stats and OnFragmentLost. Over ReliabilityAck a piece comes or the
// conversation ends. What waits for pieces is bounded: 4 MiB and 1024 events of
// one conversation, 64 MiB of a server; beyond that the event that got none for
// longest is given up, as server-queue.
//
// How large a datagram may be is found out by probes, pings that are padded
// and not fragmented (package pmtu, RFC 8899):
//
//	ping number, padding             ↔   pong number                   three times, a second apart; then the size is too large
//
// They begin with the first frame over 1200 bytes, which is what is taken for
// granted before; on Linux only, and with sockets of the machine's own. A path
// that takes less than before is noticed within 12 s while something large is
// sent. What was on the way at that time on ReliabilityAck, or is asked for on
// ReliabilityNack, has its number and keeps it: such a datagram leaves again in
// parts, fragment frames of origin 0, and the other end's link joins them.
//
// # Requests, and coming back
//
// [Client.Request] emits an event with [framing.FlagRequest] and waits for the
// first reply; both are as sure to arrive as any event of the rung. With
// ReliabilityAck, what the queue says of events is sent until it has come too:
// acks of those that want one, nacks, errors. A [Reconnecting] wants acks,
// which come when a stored event is safe; after a restart of the server it
// says hello under the same name and origin, subscribes where it was, and emits
// again what was not acknowledged; the server accepts each number of an
// origin once.
//
// # Strangers
//
// A hello may bear any source address. Before the server keeps anything for
// one, its sender has to show that it receives what is sent there, as RFC 9000
// section 8.1 has it: the first is answered by a cookie, a MAC of the address
// under a key that changes every 30 s, and comes again with it. That costs a
// round trip. The other way, a session at once that gets three times
// what it has sent until it shows a cookie, would spare it, but everybody who
// can write a datagram could fill the server with sessions, and it would have
// to be asked at every place that sends whether it may.
//
// The welcome bears a key of 64 bits. Only who knows it ends the session:
// a forged bye does not, not even from the client's address. What else
// is forged from there is obeyed: the rest of a conversation is as safe as its
// path. What is not to be read or changed on the way needs DTLS.
//
// A datagram that is no frame is counted and never answered. A frame from an
// address without a session is counted as a stranger's, an event also as
// unauthorized, and answered with an error at a bounded rate. Nobody without a
// session is answered in more bytes or datagrams than came, so that the server
// is of no use to who forges addresses.
//
// One source, an IP address or an IPv6 /64, is heeded SourceRate times a
// second: a token bucket for each of the last 16384 sources. What comes
// over that costs a look and is counted, an event with its fate as always. It
// has MaxPerAddress sessions at most.
//
// # Another address
//
// A session is a client's, not an address's. When a NAT gives the client
// another address, or the client takes another socket ([Client.Rebind]), it
// goes on:
//
//	client                                   server
//	  anything                         →                                 from an address it does not know
//	                                   ←   error unauthorized            or nothing
//	  move, origin and time of the hello →                               again until answered
//	                                   ←   error retry, cookie
//	  move, cookie, proof              →                                 again until answered
//	                                   ←   welcome, as before            and all that follows
//
// The cookie shows that the new address is the client's, before the server
// sends it more than it got from there (RFC 9000 sections 8.2 and 9.3); the
// proof, an HMAC-SHA256 of the cookie under the welcome's key, that the
// session is. Whoever reads a move on the way can replay neither. The old
// address is forgotten, and who had the new one before has it no more. A
// client asks by itself when it is told that it is not known, and when a ping
// stays unanswered: three times over its socket, then over a new one.
//
// Stored events that are not acknowledged come again, as redelivered. On the
// other rungs the link sends what was on the way again, at the pace of a new
// path (RFC 9000 section 9.4). Without acknowledgements, events of topics that
// are not stored are lost while the server sends to the old address.
//
// # What became of each event
//
// A client that wants to know ([ClientConfig].Report) says so before it emits.
// A question is an emit frame of no origin, with a number as a subscribe has
// one, and is no event; package fates draws what is in it:
//
//	client                                   server
//	  emit request $fates {begin}, number →                              again until answered
//	                                   ←   ack number {ledger}           or error number
//	  emit request $fates {from}, number →                               again until answered
//	                                   ←   ack number {runs, next}       up to 1200 bytes; then from next on
//
// On a rung, the answer tells of all that was taken in before the question.
// What the kernel here refused, and what is not acknowledged, only the client
// knows: [Client.Report] joins both. Who forges the origin of a client without
// a session can have events told as unauthorized that the client never emitted.
//
// # Groups
//
// [Server.Multicast] sends events to a multicast group (RFC 1112, RFC 4291
// section 2.7) as well, frame by frame as to any client: once however many have
// joined, in one datagram or, if it is larger, in pieces. [ListenGroup] joins and only
// listens: without a session, acknowledgements or replays. Everybody on the
// network can listen, and send.
//
// # Sockets
//
// On Linux, up to eight sockets of a process, those of [Listen] and of clients
// without a Dial of their own, are taken from the runtime's poller, which has
// itself told of each datagram that has left and of each that has come. Who
// reads one has a thread, and the socket in the hand:
//
//	recvmmsg → nothing there → sched_yield, up to 8 times → recvmmsg → … → ppoll on the socket and a bell
//
// The yields let who sends many finish: he then wakes nobody, and they are read
// in one call. The bell is an eventfd that a new deadline, or Close, rings; who
// waits to write has another. Everything else is as with any [net.PacketConn],
// deadlines of both sides and errors included. A socket that nothing comes to
// waits in ppoll alone. Others, and more than eight, are the runtime's.
//
// Who starts a goroutine waits for it: Serve returns, and Close returns, when
// all of theirs have ended.
package udpq
