// Package framing turns queue messages into bytes and back.
//
// The same frame travels two ways: tcpq writes frames end to end on a
// stream, udpq packs whole frames into datagrams. Neither knows the layout,
// and this package knows neither sockets nor topics' meaning.
//
// # The frame
//
// All integers are big-endian. The length counts every byte after itself.
//
//	 0       4       5       6       7       8               16              24              32
//	+-------+-------+-------+-------+-------+---------------+---------------+---------------+
//	| length|ver:3  | flags | code  | topic | origin        | sequence      | emit time     |
//	| u32   |kind:5 | u8    | u8    | len u8| u64           | u64           | u64 ns (Unix) |
//	+-------+-------+-------+-------+-------+---------------+---------------+---------------+
//	| offset u64, if FlagOffset | topic, 0–255 bytes | payload … | CRC-32C u32, if FlagCRC   |
//	+---------------------------+--------------------+-----------+---------------------------+
//
// The identity of an event, (origin, sequence), stands at the same place in
// every frame, so a packet alone tells which event it carries. The checksum
// (CRC-32C, Castagnoli, RFC 3720 appendix B.4) covers every byte before it,
// the length included; on UDP it is always there.
//
// # Versions
//
// A hello states the lowest and highest version its sender speaks; the
// welcome states the one chosen. A frame of another version is refused with
// [ErrVersion], never guessed at.
//
// # Bodies
//
// The time of a fragment is that of its cutting: pieces of two cuts do not
// belong together.
//
// Hello, welcome, subscribe, receipt, nack, fragment and parity carry a
// structured payload; see the types of those names. The payload of an emit
// or an event is the user's bytes, behind the identity of the request if it
// is a [Reply].
//
// # Requests
//
// A request is an event with [FlagRequest]. Who gets it may emit a reply,
// which goes to the requester alone. The server answers itself, by an error
// with the request's identity, when nobody can: [CodeNobody], [CodeGone]. An
// ack of the request's identity, from the requester, says that it waits no
// longer.
//
// A request of origin 0 to a name that begins with $ is no event but a question
// to the server itself. Its sequence is the number of the question, as in a
// subscribe; an ack of that number, with the answer as its payload, or an error
// answers it.
//
// # Addresses
//
// Over UDP anybody can write any source address. A server therefore answers a
// hello by an error of [CodeRetry] whose offset is a cookie; the hello comes
// again with that offset, and shows that its sender receives what is sent to
// its address. A hello without one has offset 0, so that the answer is smaller
// than it. The offset of the welcome is the session's key. A move frame, with
// origin and time of that hello, goes on with its session from another
// address: it gets and shows a cookie in the same way, and its payload proves
// that its sender has the key.
//
// # Memory
//
// Decoded frames alias the buffer they came from and are valid until it is
// reused. Use [Frame.Clone] to keep one. Decoding allocates nothing, trusts
// no length and never panics.
package framing
