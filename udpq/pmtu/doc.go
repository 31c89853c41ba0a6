// Package pmtu finds out how large a datagram may be on a path, by probes that
// must not be fragmented: Datagram Packetization Layer Path MTU Discovery (RFC
// 8899). No ICMP message is needed.
//
// It is a state machine alone. It knows neither sockets nor a clock: whoever
// runs it says what came and what time it is, and sends what it asks for.
//
//	      answered              nothing larger is left to try
//	Base ──────────► Searching ───────────────────────────────► Complete
//	 │ ▲                 ▲         a while later, try again         │
//	 │ │                 └───────────────────────────────────────◄──┤
//	 ▼ │ answered                                                   │
//	Error     ◄── not even that ── Base ◄── a size that held, lost ─┘
//
// A size counts as too large when [MaxProbes] probes of it are not answered,
// or the kernel refuses one: a single loss says nothing. While datagrams over
// the base are sent, the size that held is probed again every
// [ConfirmInterval]; when it is not answered any more the path has become a
// black hole for it, and the base is all there is until more is found (section
// 4.3). Nothing is probed on behalf of who sends only small datagrams.
//
// Sizes are UDP payloads in bytes. A Search is not safe for concurrent use.
package pmtu
