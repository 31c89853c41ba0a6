package labs

import (
	"sync"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/wire"
)

const (
	// maxTapBytes bounds what one tap keeps in memory; a packet beyond it
	// counts as dropped.
	maxTapBytes = 1 << 30

	// wholeBytes are as many as a tap keeps of fragments too. Beyond, it keeps
	// of each as much as the account needs: a few events of many packets each
	// would else be what fills the memory.
	wholeBytes = 32 << 20

	arenaBytes = 1 << 20
)

// keeper keeps a tap's packets.
type keeper struct {
	mu      sync.Mutex // a virtual host's goroutines take turns, and may not know it
	packets []account.Packet
	bytes   int
	excess  uint64 // packets beyond maxTapBytes
	arena   []byte // where packets' bytes are copied to, a chunk at a time
	parser  *dissect.Parser
}

func (k *keeper) keep(at time.Time, outgoing bool, data []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := account.Packet{Time: at, Data: data, Hash: wire.Hash(data), Outgoing: outgoing}
	if k.bytes+len(data) > wholeBytes {
		k.shorten(&p)
	}
	if k.bytes+len(p.Data) > maxTapBytes {
		k.excess++
		return
	}
	k.bytes += len(p.Data)
	p.Data = k.copied(p.Data)
	k.packets = append(k.packets, p)
}

func (k *keeper) shorten(p *account.Packet) {
	if k.parser == nil {
		k.parser = dissect.NewParser(dissect.LinkEthernet)
	}
	p.Shorten(k.parser)
}

func (k *keeper) copied(data []byte) []byte {
	if len(k.arena)+len(data) > cap(k.arena) {
		k.arena = make([]byte, 0, max(arenaBytes, len(data)))
	}
	from := len(k.arena)
	k.arena = append(k.arena, data...)
	return k.arena[from:len(k.arena):len(k.arena)]
}
