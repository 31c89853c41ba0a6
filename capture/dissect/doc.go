// Package dissect reads captured packets: quickly, as [Headers]; in full, as
// the layers of OSI and TCP/IP that a student is taught ([Dissect]); and
// across packets, as the frames of our own protocol ([Assembler]).
//
//	packet bytes ── Parser ──▶ Headers ── Assembler ──▶ Frames (which packets carried which bytes)
//	     └───────── Dissect ─▶ Layers (which bytes belong to which layer, and what they say)
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
