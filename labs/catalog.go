package labs

// Catalog lists every lab, in the order a learner would take them.
var Catalog = []*Lab{
	Layers,
	Handshake,
	NobodyHome,
	SocketStates,
	Framing,
	Loss,
	HeadOfLine,
	Bursts,
	Reorder,
	Duplicate,
	Corrupt,
	Fragmentation,
	Nagle,
	SlowReader,
	ReliableUDP,
	Fairness,
	CongestionControl,
	Bufferbloat,
	Broadcast,
	MissedEvent,
	Acks,
	Rebinding,
	MITMView,
}
