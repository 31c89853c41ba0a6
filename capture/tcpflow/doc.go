// Package tcpflow tells what TCP did: which segments were sent again and why,
// what the acknowledgements said, and who waited for whom.
//
//	packets of one tap ── Analyzer.Add ──▶ Segment (what this one segment means)
//	                           └── Flows ─▶ Flow (what both directions came to)
//
// It reads segments in the order of capture and keeps of each flow a bounded
// state, never its bytes. A tap hears one end well: what left its own host and
// when, what arrived there and when. What only the other end's tap could tell
// is not guessed: a retransmission's reason is [AgainUnknown] unless the tap
// is where it was sent, and [Place] says where a tap is.
//
// # Terms
//
//   - A position counts sequence numbers from the SYN, which is 0, in 64 bits;
//     the first byte is 1 (RFC 9293, section 3.4). Where the SYN was not
//     captured, the first byte that was is 1.
//   - A retransmission carries positions that had left before. At the
//     receiver's tap the first copy may be missing: there a segment arrives
//     beyond a hole, fills one, or is a duplicate.
//   - Fast: before it, the sender heard that something sent later than the
//     lost bytes had arrived: by a SACK block (RFC 2018; RFC 8985, section
//     6.2), or by three duplicate acknowledgements and the partial ones that
//     follow (RFC 5681, section 3.2; RFC 6582).
//   - Timeout: the first unacknowledged bytes were sent again with no such
//     news, after the least time that a retransmission timer can have: 200 ms,
//     or SRTT + 4 RTTVAR as this tap measured them (RFC 6298; hosts have a
//     minimum of 200 ms where the RFC says a second). What follows until all
//     that was then under way is acknowledged is sent again after a timeout.
//   - Probe: the last bytes under way were sent again, sooner than that but
//     after two round trips, to provoke an acknowledgement (tail loss probe,
//     RFC 8985, section 7). With a single segment under way a host's probe
//     and its timer are due at the same time, and the kind is unknown.
//   - A duplicate acknowledgement has no data, neither SYN nor FIN, the same
//     number and window as the one before, and comes while data is under way
//     (RFC 5681, section 2).
//   - A zero window is an offer to take nothing; a window probe asks whether
//     that still holds (RFC 9293, section 3.8.6.1), a keep-alive whether the
//     other end is there (section 3.8.4).
//   - A Nagle wait: a segment smaller than the largest left within a
//     millisecond after a bare acknowledgement of all that was under way, so
//     the sender had kept it until then (RFC 896). It waited at most since the
//     segment before it. An application that happens to write just then looks
//     the same. A sender that ever sends a small segment while another is
//     unacknowledged does not do that, and none of its segments waited so.
//   - A delayed acknowledgement: a bare acknowledgement left 20 ms or more
//     after the first segment that it is for, all in order (RFC 1122, section
//     4.2.3.2, which allows 500 ms).
//   - The round-trip time is that from a segment sent once to the
//     acknowledgement that first covers it (RFC 6298, section 3: Karn).
package tcpflow
