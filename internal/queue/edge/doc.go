// Package edge is a client's end of the queue: how it numbers what it emits,
// what it makes of the numbers it receives, and the events that wait for the
// application. It is shared by the clients of all transports and knows none.
package edge
