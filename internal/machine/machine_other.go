//go:build !linux

package machine

func probe(f *Facts) {
	f.RawSockets, f.PacketRing, f.Ping, f.KernelTypes = ErrUnsupported, ErrUnsupported, ErrUnsupported, ErrUnsupported
	f.Offload = Offload{Send: ErrUnsupported, Receive: ErrUnsupported}
	f.Namespaces = Namespaces{Max: -1, Network: -1, Mount: -1, Clone: -1, Restricted: -1}
}
