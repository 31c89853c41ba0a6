// Package dissect reads captured packets: quickly, as [Headers]; in full, as
// the layers of OSI and TCP/IP that a student is taught ([Dissect]); and
// across packets, as the frames of our own protocol and, where they are asked
// for, the messages of others ([Assembler]).
//
//	packet bytes ── Parser ──▶ Headers ── Assembler ──▶ Frames, Messages (which packets carried which bytes)
//	     └───────── Dissect ─▶ Layers (which bytes belong to which layer, and what they say) ◀─ Carried
//
// The messages are those of HTTP/1, WebSocket, Engine.IO, Socket.IO, TLS and
// DNS in streams, and datagrams put together from IP fragments. They are
// recognised by what they say. The model has seven layers and they do not
// always fit: TLS stands at the sixth and the opening of its session at the
// fifth, with WebSocket and Engine.IO; their Meaning says so.
//
// # Hostile input
//
// Whatever a capture holds, reading it neither panics nor waits: each parser
// is fuzzed, names in DNS end, and what waits for more bytes is bounded by
// [Options] or by constants beside the code. Memory follows what the capture
// holds and not what it claims to lack. Text from the network is escaped.
//
// It takes plain bytes and a link type. It knows no capture file, no socket
// and no fate: who read the bytes and what became of an event is not said
// here. gopacket does the decoding, but none of its types is exported, and
// its panics, which mangled packets provoke, end here as errors.
//
// # Memory
//
// [Headers] alias the packet. [Layer] and [Frame] own their strings and hold
// byte positions, never bytes, so a packet's buffer may be reused at once.
package dissect
