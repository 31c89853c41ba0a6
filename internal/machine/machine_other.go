//go:build !linux

package machine

func probe(f *Facts) {
	f.RawSockets, f.PacketRing, f.KernelTypes = ErrUnsupported, ErrUnsupported, ErrUnsupported
	f.Offload = Offload{Send: ErrUnsupported, Receive: ErrUnsupported}
	f.Namespaces = Namespaces{Max: -1, Clone: -1, Restricted: -1}
}
