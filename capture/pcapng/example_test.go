package pcapng_test

import (
	"bytes"
	"fmt"
	"time"

	"rawlab/capture/pcapng"
)

func Example() {
	var file bytes.Buffer
	w, err := pcapng.NewWriter(&file, pcapng.Section{Application: "example"})
	if err != nil {
		panic(err)
	}
	client, err := w.AddInterface(pcapng.Interface{Name: "client", LinkType: pcapng.LinkEthernet})
	if err != nil {
		panic(err)
	}
	p := pcapng.Packet{Interface: client, Time: time.Unix(1, 5), Data: make([]byte, 60), Comments: []string{"lost on the wire"}}
	if err := w.WritePacket(&p); err != nil {
		panic(err)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}

	r, err := pcapng.NewReader(&file)
	if err != nil {
		panic(err)
	}
	got, err := r.Next()
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Interfaces()[got.Interface].Name, got.Time.UnixNano(), got.Length, got.Comments)
	_, err = r.Next()
	fmt.Println(err)
	// Output:
	// client 1000000005 60 [lost on the wire]
	// EOF
}
