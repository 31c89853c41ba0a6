package capture_test

import (
	"context"
	"fmt"

	"rawlab/capture"
)

func ExampleOpenRing() {
	ring, err := capture.OpenRing(&capture.RingConfig{Interface: "lo", IgnoreOutgoing: true})
	if err != nil {
		fmt.Println(err) // says how to get the right
		return
	}
	defer ring.Close()
	go func() {
		// … let the packets come, then:
		ring.Stop() // what came before is still delivered
	}()
	for packet, err := range capture.Packets(context.Background(), ring) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(packet.Time, packet.Length)
	}
	stats, err := ring.Stats()
	fmt.Println(stats.Dropped, err)
}
