package dissect

import (
	"fmt"
	"net/netip"

	"github.com/google/gopacket/layers"
)

// arp reads a question or answer about hardware addresses (RFC 826).
func (d *dissection) arp(at int) {
	var a layers.ARP
	if err := d.decode(&a, at); err != nil {
		d.undecoded(osiLink, at, err)
		return
	}
	hard, prot := int(a.HwAddressSize), int(a.ProtAddressSize)
	sender, _ := netip.AddrFromSlice(a.SourceProtAddress)
	target, _ := netip.AddrFromSlice(a.DstProtAddress)
	operation, meaning := fmt.Sprint(a.Operation), "Resolves addresses."
	switch a.Operation {
	case layers.ARPRequest:
		operation = "1 (request)"
		meaning = fmt.Sprintf("Asks everyone on the link which hardware address has %v; until the answer comes, packets to it wait or are lost.", target)
		if sender == target {
			meaning = fmt.Sprintf("Announces to everyone on the link that %v is here (RFC 5227), so that what they remember is right.", target)
		} else if sender.IsUnspecified() {
			meaning = fmt.Sprintf("Asks whether anybody has %v already, before taking it (RFC 5227).", target)
		}
	case layers.ARPReply:
		operation = "2 (reply)"
		meaning = fmt.Sprintf("Answers that %v is at hardware address %s.", sender, macName(a.SourceHwAddress))
	}
	names := at + 8
	d.end = min(d.end, names+2*hard+2*prot)
	d.header(Layer{
		Name: "ARP", OSI: osiLink, From: at, To: d.end,
		Fields: []Field{
			{"operation", operation, at + 6, at + 8},
			{"sender hardware", macName(a.SourceHwAddress), names, names + hard},
			{"sender address", sender.String(), names + hard, names + hard + prot},
			{"target hardware", macName(a.DstHwAddress), names + hard + prot, names + 2*hard + prot},
			{"target address", target.String(), names + 2*hard + prot, names + 2*hard + 2*prot},
		},
		Meaning: meaning,
	})
}
