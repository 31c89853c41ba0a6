package labs

// Catalog lists every lab, in the order a learner would take them.
var Catalog = []*Lab{Layers, Loss, Bursts, Reorder, Duplicate, Fragmentation, SlowReader, ReliableUDP, Fairness, MissedEvent}
