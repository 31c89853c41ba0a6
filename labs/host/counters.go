package host

// Counters are a host's own counts of what its stack did, from
// /proc/net/snmp, snmp6 and netstat (RFC 1213 and RFC 4113 names, prefixed by
// the protocol: "Udp.RcvbufErrors", over IPv6 "Udp6.RcvbufErrors"; Linux' own
// are like "TcpExt.TCPFastRetrans"), of its interface ("Link.TxDropped"), of
// the queue before it ("Qdisc.Dropped"), and of what the wire put on its cable and the
// interface did not take ("Cable.Dropped": larger than its MTU, or too much
// at once).
type Counters map[string]int64

// Minus returns what was counted since before.
func (c Counters) Minus(before Counters) Counters {
	d := Counters{}
	for name, v := range c {
		d[name] = v - before[name]
	}
	return d
}

// Memory is what waits in a socket to be read.
type Memory struct {
	Waiting int    // bytes, with the kernel's bookkeeping
	Limit   int    // bytes: the receive buffer as the kernel counts it
	Drops   uint32 // packets that the socket itself has dropped
}
