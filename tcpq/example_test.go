package tcpq_test

import (
	"context"
	"fmt"
	"log"

	"rawlab/tcpq"
)

// A server, and a client that listens to what it emits.
func Example() {
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- tcpq.NewServer(nil).Serve(ctx, l) }()

	c, err := tcpq.Dial(ctx, l.Addr().String(), nil)
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
	fmt.Printf("event %d of %s: %s\n", e.Sequence, e.Topic, e.Payload)

	fmt.Println(c.Close())
	stop()
	fmt.Println(<-served)
	// Output:
	// event 1 of news: hello
	// <nil>
	// <nil>
}
