package dissect

import "encoding/binary"

// Look is all that [PlainEthernet] looks at in a datagram: of others of the
// same size in which it is the same it says the same.
type Look struct {
	network     uint64 // from the type of Ethernet on
	networkBits uint64 // those of it that matter
	more        uint32 // behind that
	moreBits    uint32
	transport   int
	length      uint16 // of UDP
}

// Look returns what was looked at in a plain packet, which must be a datagram.
func (p *Plain) Look(data []byte) Look {
	l := Look{transport: p.Transport}
	if p.V6 { //       type, version, class and label, length; next header
		l.networkBits, l.moreBits = 0xffff_f0_00_00_00_ffff, 0xff_00_0000
	} else { //        type, version, class, length, identification; fragment, hops, protocol
		l.networkBits, l.moreBits = 0xffff_ff_00_ffff_0000, 0x3fff_00_ff
	}
	l.network, l.more, l.length = l.at(data)
	return l
}

// at reads a packet where l looks.
func (l *Look) at(data []byte) (network uint64, more uint32, length uint16) {
	const begin = EthernetBytes - 2
	return binary.BigEndian.Uint64(data[begin:]) & l.networkBits,
		binary.BigEndian.Uint32(data[begin+8:]) & l.moreBits,
		binary.BigEndian.Uint16(data[l.transport+4:])
}

// Same reports whether a packet of the same size looks the same.
func (l *Look) Same(data []byte) bool {
	network, more, length := l.at(data)
	return network == l.network && more == l.more && length == l.length
}
