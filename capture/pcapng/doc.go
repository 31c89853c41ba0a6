// Package pcapng writes capture files and reads them back.
//
// It writes the format of draft-ietf-opsawg-pcapng in either byte order with
// nanosecond times and a comment on any packet, which is where a packet's fate
// and its event are told. It reads that format with any time resolution, and
// the classic pcap format of tcpdump as well. What it gives no field, options
// and whole blocks, it hands on as bytes, so that a copy loses nothing. It
// knows nothing of what the packets contain.
//
// A file is a row of blocks. Every block has the same envelope:
//
//	0          4              8                       n-4          n
//	+----------+--------------+-----------------------+------------+
//	| type u32 | total n u32  | body, padded to 4     | total n u32|
//	+----------+--------------+-----------------------+------------+
//
// A section header block comes first and states the byte order; interface
// description blocks follow, and packets name their interface by its place
// among them.
//
// # Memory
//
// The data of a packet that was read is valid until the next one is read.
// The writer keeps nothing of what it is given.
//
// # Trust
//
// No length in a file is believed before it is checked, no block over
// [MaxBlock] bytes is read, and nothing panics. A file that ends inside a
// block gives every whole packet before it, then a [*TruncatedError].
package pcapng
