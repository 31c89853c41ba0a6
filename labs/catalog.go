package labs

// Catalog lists every lab, in the order a learner would take them.
var Catalog = []*Lab{Layers, Handshake, SocketStates, Loss, Bursts, Reorder, Duplicate, Corrupt, Fragmentation, SlowReader, ReliableUDP, Fairness, CongestionControl, Bufferbloat, MissedEvent, Acks, Rebinding, MITMView}
