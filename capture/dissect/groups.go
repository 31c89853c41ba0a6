package dissect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Types of messages about multicast groups in IPv6 (RFC 2710; RFC 9777,
// section 5).
const (
	mldQuery   = 130
	mldReport  = 131
	mldDone    = 132
	mldReport2 = 143
)

var mldNames = map[byte]string{
	mldQuery: "MulticastListenerQuery", mldReport: "MulticastListenerReport", mldDone: "MulticastListenerDone", mldReport2: "MulticastListenerReport(2)",
}

const (
	meansQuery  = "A router asks who on this link still wants a group's packets."
	meansReport = "A host wants packets of a multicast group, so the link's router and switches shall bring them here."
	meansLeave  = "A host wants no more packets of a multicast group."
	meansChange = "A host says which multicast groups it wants packets of now, and from which senders."
)

// listeners reads a message about multicast groups in IPv6.
func (d *dissection) listeners(l *Layer, kind uint8, at int) bool {
	b := d.rest(at)
	switch kind {
	case mldQuery:
		l.Meaning = meansQuery
		l.Fields = append(l.Fields, Field{"answer within", fmt.Sprintf("%d ms", mldDelay(binary.BigEndian.Uint16(b[4:]))), at + 4, at + 6})
		d.group(l, at)
		if len(b) >= 28 { // second version
			n := int(binary.BigEndian.Uint16(b[26:]))
			l.Fields = append(l.Fields, Field{"senders", fmt.Sprintf("%d: %s", n, joinAddresses(b[28:min(len(b), 28+16*n)])), at + 26, at + 28})
		}
	case mldReport:
		l.Meaning = meansReport
		d.group(l, at)
	case mldDone:
		l.Meaning = meansLeave
		d.group(l, at)
	case mldReport2:
		l.Meaning = meansChange
		d.groupRecords(l, at, 16)
	default:
		return false
	}
	return true
}

// mldDelay reads a time that may be written with an exponent (RFC 9777,
// section 5.1.3).
func mldDelay(code uint16) int {
	if code < 0x8000 {
		return int(code)
	}
	return int(code&0xfff|0x1000) << (code>>12&7 + 3)
}

func (d *dissection) group(l *Layer, at int) {
	if b := d.rest(at); len(b) >= 24 {
		l.Fields = append(l.Fields, Field{"group", groupName(b[8:24]), at + 8, at + 24})
	}
}

// groupName writes a group's address; none stands for all.
func groupName(b []byte) string {
	a, _ := netip.AddrFromSlice(b)
	if a.IsUnspecified() {
		return "all of them"
	}
	return a.String()
}

var recordNames = [...]string{"", "only from", "not from", "from now on only from", "from now on not from", "also from", "no longer from"}

// groupRecords reads the records of a report, which are alike in MLD and IGMP
// (RFC 9776, section 4.2) but for the size of addresses.
func (d *dissection) groupRecords(l *Layer, at, addressBytes int) {
	b := d.rest(at)
	n := int(binary.BigEndian.Uint16(b[6:]))
	l.Fields = append(l.Fields, Field{"groups", fmt.Sprint(n), at + 6, at + 8})
	from := 8
	for range n {
		if len(b) < from+4+addressBytes {
			l.Fields = append(l.Fields, Field{"group", "cut short", at + from, d.end})
			return
		}
		r := b[from:]
		senders := int(binary.BigEndian.Uint16(r[2:]))
		size := 4 + addressBytes*(1+senders) + 4*int(r[1])
		value := groupName(r[4 : 4+addressBytes])
		how := fmt.Sprintf("record type %d, %d senders", r[0], senders)
		if int(r[0]) < len(recordNames) && r[0] > 0 {
			how = fmt.Sprintf("%s %d senders", recordNames[r[0]], senders)
		}
		if senders == 0 && (r[0] == 2 || r[0] == 4) {
			how = "from anybody"
		} else if senders == 0 && (r[0] == 1 || r[0] == 3) {
			how = "from nobody: it leaves"
		}
		l.Fields = append(l.Fields, Field{"group", value + ", " + how, at + from, min(at+from+size, d.end)})
		from += size
	}
}

// Types of IGMP messages (RFC 9776, section 4).
const (
	igmpQuery   = 0x11
	igmpReport1 = 0x12
	igmpReport2 = 0x16
	igmpLeave   = 0x17
	igmpReport3 = 0x22
)

// igmp reads a message about multicast groups in IPv4.
func (d *dissection) igmp(at int) {
	b := d.rest(at)
	if len(b) < 8 {
		d.undecoded(osiNetwork, at, errors.New("the IGMP message is cut short"))
		return
	}
	checksum := ChecksumUnchecked
	if !d.cut && !d.fragment {
		checksum = ChecksumBad
		if fold(onesSum(0, b)) == wholeSum {
			checksum = ChecksumGood
		}
	}
	l := d.icmpLayer("IGMP", at, fmt.Sprintf("%#02x", b[0]), binary.BigEndian.Uint16(b[2:]), checksum)
	l.Fields[0] = Field{"type", fmt.Sprintf("%#02x", b[0]), at, at + 1}
	group := Field{"group", groupName(b[4:8]), at + 4, at + 8}
	switch b[0] {
	case igmpQuery:
		l.Meaning = meansQuery
		l.Fields = append(l.Fields, Field{"answer within", fmt.Sprintf("%d tenths of a second", b[1]), at + 1, at + 2}, group)
	case igmpReport1, igmpReport2:
		l.Meaning = meansReport
		l.Fields = append(l.Fields, group)
	case igmpLeave:
		l.Meaning = meansLeave
		l.Fields = append(l.Fields, group)
	case igmpReport3:
		l.Meaning = meansChange
		d.groupRecords(&l, at, 4)
	default:
		l.Meaning = "About multicast groups."
	}
	d.header(l)
}
