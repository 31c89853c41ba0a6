package labs

import (
	"net"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
)

// socketDrops is what the sockets at the legs' ends dropped, each by its own
// count (SO_MEMINFO): those of the server, and those of the subscriber.
type socketDrops struct {
	dropped [2]int64 // by leg
	unread  [2]bool  // some socket was gone before it was asked
}

// readDrops asks a socket at a leg's end, just before it is closed.
func (x *transfer) readDrops(leg int, socket any) {
	if x.transport.protocol != dissect.UDP || socket == nil {
		return
	}
	m, err := x.network.Memory(socket)
	if err != nil {
		x.drops.unread[leg] = true
		return
	}
	x.drops.dropped[leg] += int64(m.Drops)
}

// takeSocket has the subscriber's socket be another, or none.
func (x *transfer) takeSocket(c net.Conn) {
	if x.socket != nil {
		x.drops.unread[account.ToSubscriber] = true
	}
	x.socket = c
}

// leaveSocket is for when the subscriber's socket will be closed.
func (x *transfer) leaveSocket() {
	if x.socket != nil {
		x.readDrops(account.ToSubscriber, x.socket)
	}
	x.socket = nil
}

// tellDrops tells the account of the sockets' own counts, where they are whole:
// of kernel hosts, and of a run that came to its end.
func (x *transfer) tellDrops() {
	if x.transport.protocol != dissect.UDP || x.options.backend() != BackendKernel || x.clientele != nil || x.input.Broken || x.stalled != "" || x.options.stopped() {
		return
	}
	for leg := range x.input.Sockets {
		if !x.drops.unread[leg] {
			x.input.Sockets[leg] = &x.drops.dropped[leg]
		}
	}
}
