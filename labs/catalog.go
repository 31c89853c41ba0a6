package labs

// Catalog lists every lab, in the order a learner would take them.
var Catalog = []*Lab{Layers, Loss, ReliableUDP, Fairness, MissedEvent}
