package udpq_test

import (
	"context"
	"fmt"
	"log"

	"rawlab/udpq"
)

// A server, and a client that listens to what it emits. On loopback with
// room in the buffers nothing is lost; elsewhere Missed would tell.
func Example() {
	conn, err := udpq.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- udpq.NewServer(nil).Serve(ctx, conn) }()

	c, err := udpq.Dial(ctx, conn.LocalAddr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Subscribe(ctx, "news"); err != nil {
		log.Fatal(err)
	}
	if _, err := c.Emit("news", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	e, err := c.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("event %d of %s: %s; missed before it: %d\n", e.Sequence, e.Topic, e.Payload, e.Missed)

	fmt.Println(c.Close())
	stop()
	fmt.Println(<-served)
	// Output:
	// event 1 of news: hello; missed before it: 0
	// <nil>
	// <nil>
}
