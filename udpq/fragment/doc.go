// Package fragment carries frames that are larger than a datagram may be: it
// cuts them into fragment frames, and puts those together again.
//
// It is state machines alone. They know neither sockets nor a clock: whoever
// runs them says what came and what time it is.
//
//	frame → Append → fragment frames → the wire → Assembler.Accept → the same frame
//
// # The bytes
//
// A fragment frame bears the identity of the frame it is a piece of, so that a
// packet alone tells which event it carries a part of:
//
//	fragment | origin, sequence: of the frame inside
//	         | time:    when it was cut, ns: the same in all its pieces
//	         | payload: u32 size of the frame | u32 place of the piece in it | piece
//
// Pieces of two cuts are never put together: a later cut of the same event,
// as when it is emitted or delivered once more, takes the place of an earlier
// one that is not whole. The frame inside has its own checksum, which is
// verified once it is whole.
//
// # What is refused
//
// A piece that came before, one that overlaps another, one that contradicts
// the size, and one of a cut that is whole or was given up. What waits for
// more is bounded in bytes and in number for one conversation, and in bytes
// over all of them ([Pool]); beyond that, who waits longest for a piece is
// given up, as is what got none for the time allowed (RFC 791 and RFC 8200
// give datagrams of IP up likewise). What is given up is told, with its
// identity.
package fragment
