// Package host makes the machines of a lab: network stacks of their own,
// with the wire between them.
//
// Kernel hosts are network namespaces of this machine, made without any
// right beyond that of an ordinary user: the program runs itself again in
// namespaces of its own (Isolate) and is the administrator there. Sockets are
// opened on a thread inside the host's namespace, then used normally.
//
// Virtual hosts are network stacks inside this process, with the same
// sockets, counters and wire, on every system. Their time is virtual: it
// passes only when every goroutine of the process is at rest, so nothing that
// the machine or the runtime's scheduler does can be seen in what happens, and
// the same seed gives the same bytes. What runs on them takes its clock from
// [Virtual.Clock], and waits for nothing outside of the lab; who does not keep
// to that is found out ([OutsideError]).
//
// The package knows nothing of queues, events or labs.
package host
