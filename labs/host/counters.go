package host

// Counters are a host's own counts of what its stack did, from
// /proc/net/snmp (RFC 1213 and RFC 4113 names, prefixed by the protocol:
// "Udp.RcvbufErrors"), of its interface ("Link.TxDropped"), and of the queue
// before it ("Qdisc.Dropped").
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
