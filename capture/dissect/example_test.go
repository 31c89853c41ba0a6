package dissect_test

import (
	"encoding/hex"
	"fmt"
	"time"

	"rawlab/capture/dissect"
)

// captured is an Ethernet packet as a capture file has it: one UDP datagram
// with one event.
var captured, _ = hex.DecodeString("" +
	"0200000000020200000000010800" + // Ethernet
	"4500004500074000401126050a4d00010a4d0002" + // IPv4
	"9c4025e4003144fa" + // UDP
	"0000002525010004" + "0000000000000001" + "0000000000000002" + "17979cfe362a0000" + // a frame's header
	"6e657773" + "61" + "9b9f6eed") // topic, payload, CRC-32C

func ExampleDissect() {
	for _, l := range dissect.Dissect(captured, dissect.LinkEthernet) {
		fmt.Printf("%d %-12s %-11s %2d to %2d  %s\n", l.OSI, l.OSIName, l.TCPIP, l.From, l.To, l.Name)
	}
	// Output:
	// 1 physical     link         0 to  0  none
	// 2 data link    link         0 to 14  Ethernet
	// 3 network      internet    14 to 34  IPv4
	// 4 transport    transport   34 to 42  UDP
	// 5 session      application 50 to 74  rawlab identity
	// 6 presentation application 42 to 50  rawlab encoding
	// 7 application  application 74 to 79  rawlab emit
}

func ExampleAssembler() {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	a.Add(1, time.Unix(0, 0), captured)
	for _, f := range a.Finish() {
		fmt.Println(f.Kind, f.Origin, f.Sequence, f.Topic, f.Err)
		for _, p := range f.Parts {
			fmt.Printf("packet %d, bytes %d to %d\n", p.Packet, p.From, p.To)
		}
	}
	// Output:
	// emit 1 2 news <nil>
	// packet 1, bytes 42 to 83
}
