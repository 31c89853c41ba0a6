// Command gopacket counts the bytes of each layer of a capture file in the way
// that gopacket's documentation calls the fast one: layers that are decoded
// into the same memory again and again, from packets that are not copied. It
// reads the file a megabyte at a time. It is a program of its own, so that
// nothing but gopacket takes its time to start.
//
//	gopacket FILE
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "gopacket: name one capture file")
		os.Exit(2)
	}
	if err := decode(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gopacket:", err)
		os.Exit(1)
	}
}

func decode(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := pcapgo.NewNgReader(bufio.NewReaderSize(file, 1<<20), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		return err
	}
	var (
		eth     layers.Ethernet
		ip4     layers.IPv4
		ip6     layers.IPv6
		tcp     layers.TCP
		udp     layers.UDP
		payload gopacket.Payload
	)
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &ip4, &ip6, &tcp, &udp, &payload)
	var link, network, transport, carried int
	var decoded []gopacket.LayerType
	for {
		data, _, err := r.ZeroCopyReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if err := parser.DecodeLayers(data, &decoded); err != nil {
			return err
		}
		for _, l := range decoded {
			switch l {
			case layers.LayerTypeEthernet:
				link += len(eth.Contents)
			case layers.LayerTypeIPv4:
				network += len(ip4.Contents)
			case layers.LayerTypeIPv6:
				network += len(ip6.Contents)
			case layers.LayerTypeTCP:
				transport += len(tcp.Contents)
			case layers.LayerTypeUDP:
				transport += len(udp.Contents)
			case gopacket.LayerTypePayload:
				carried += len(payload)
			}
		}
	}
	fmt.Println(link, network, transport, carried)
	return nil
}
