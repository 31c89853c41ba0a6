// Package capture takes packets off a network interface or out of a file.
//
// On Linux an interface is read through a ring that the kernel fills
// (TPACKET_V3): packets arrive in blocks, without a copy and without a system
// call each, and the kernel counts those it had no room for. Files are read
// everywhere.
//
// A capture tells what it lost. [Ring.Stop] ends one in good order: every
// packet that came before it is still delivered.
//
// The packages below decode what was captured; this one knows only where a
// packet begins and ends.
//
// # Memory
//
// The data of a packet belongs to its source and is valid until the next
// read from it, or until it is closed.
package capture
