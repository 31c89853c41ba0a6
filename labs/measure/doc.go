// Package measure gives the numbers of a lab's runs names, and holds them
// against what somebody demands of them.
//
// A name is what a user writes: "udp.lost" is the events that UDP lost,
// "udp/ack.p99" the latency under which 99 % of the events stayed on the rung
// "ack". A [Condition] such as "udp.lost>1%" is one that must not come true.
//
// It knows results, not labs: which runs a lab has shows in its result.
package measure
