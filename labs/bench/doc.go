// Package bench measures what TCP and UDP deliver on loopback through tcpq
// and udpq: events per second, latency, loss and processor time.
//
// The server runs in a process of its own, so that its processor time and
// the clients' can be told apart; emitters and subscribers share the process
// that calls Measure, and so one clock. Each pair of emitter and subscriber has
// two connections and a topic to itself:
//
//	this process                                     server's process
//	  emitter     EmitAt(intended, …)  →  loopback  →  queue
//	  subscriber  OnEvent              ←  loopback  ←
//
// Rounds of the transports take turns, so that what drifts on the machine
// hits them alike; a figure is the median of its rounds, beside the lowest
// and the highest.
//
// Latency counts from when an event was meant to be sent, not from when the
// emitter got round to it: otherwise an emitter that is held up would leave
// out just the events that had to wait (coordinated omission). As fast as
// possible there is no such intention, and latency measures how much waits in
// buffers.
//
// Every emitted event is delivered or lost, each counted once, by its
// sequence; what neither the server nor its sockets account for is
// unexplained.
package bench
