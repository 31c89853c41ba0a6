// Package host makes the machines of a lab: network stacks of their own,
// with the wire between them.
//
// Kernel hosts are network namespaces of this machine, made without any
// right beyond that of an ordinary user: the program runs itself again in
// namespaces of its own (Isolate) and is the administrator there. Sockets are
// opened on a thread inside the host's namespace, then used normally.
//
// The package knows nothing of queues, events or labs.
package host
