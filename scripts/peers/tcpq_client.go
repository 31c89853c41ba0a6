package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"rawlab/framing"
	"rawlab/tcpq"
)

// clientRole, as the first argument, makes this program one of the clients of
// a measurement: the same roles, arguments and answers as the peers' clients
// have, see rivals/main.go.
const clientRole = "tcpq-client"

const (
	clientTopic = "sensor/1"
	askedBytes  = 128 // of a question, and of its answer

	idleAddresses = 10 // that silent connections come from: a server bounds those from one
)

// runClient is the client "pub ADDR BYTES MILLISECONDS", "sub ADDR", "answer
// ADDR", "ask ADDR COUNT", "idle ADDR COUNT", "keep ADDR BYTES EMITTERS WINDOW
// MILLISECONDS", one of udpq_client.go, or "store DIR BYTES WRITERS MILLISECONDS".
func runClient(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s: %d arguments, at least 2", clientRole, len(args))
	}
	numbers := make([]int, 4)
	for i, arg := range args[2:] {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return err
		}
		numbers[i] = n
	}
	milliseconds := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	switch addr := args[1]; args[0] {
	case "udp-pub":
		return emitDatagrams(ctx, addr, numbers[0], milliseconds(numbers[1]), numbers[2], numbers[3])
	case "ack-pub":
		return emitAcknowledged(ctx, addr, numbers[0], milliseconds(numbers[1]))
	case "ack-sink":
		return takeAcknowledged(ctx, addr)
	case "udp-sub":
		return countDatagrams(ctx, addr, numbers[0] > 0)
	case "relay":
		return relay(addr)
	case "relay-pub":
		return relayPublish(addr, numbers[0], milliseconds(numbers[1]))
	case "relay-sub":
		return relayCount(addr)
	case "rung":
		return tellLatency(ctx, args[1], numbers[0], numbers[1])
	case "pub":
		return emitAll(ctx, addr, numbers[0], milliseconds(numbers[1]))
	case "sub":
		return countAll(ctx, addr)
	case "answer":
		return answerAll(ctx, addr)
	case "ask":
		return askAll(ctx, addr, numbers[0])
	case "idle":
		return idleAll(ctx, addr, numbers[0])
	case "keep":
		return keepAll(ctx, addr, numbers[0], numbers[1], numbers[2], milliseconds(numbers[3]))
	case "store":
		return storeAll(args[1], numbers[0], numbers[1], milliseconds(numbers[2]))
	}
	return fmt.Errorf("%s: no role is called %q", clientRole, args[0])
}

func emitAll(ctx context.Context, addr string, size int, lasting time.Duration) error {
	c, err := tcpq.Dial(ctx, addr, nil)
	if err != nil {
		return err
	}
	n, payload := 0, make([]byte, size)
	// The clock is read once for a burst of events, which all bear that time;
	// those of the peers bear none.
	for now, end := time.Now(), time.Now().Add(lasting); now.Before(end); now = time.Now() {
		for range 256 {
			if _, err := c.EmitAt(now, clientTopic, payload); err != nil {
				return err
			}
			n++
		}
	}
	if err := c.Close(); err != nil { // waits for the acknowledgements
		return err
	}
	fmt.Println(n)
	return nil
}

func countAll(ctx context.Context, addr string) error {
	var count counter
	c, err := tcpq.Dial(ctx, addr, &tcpq.ClientConfig{OnEvent: func(*framing.Frame) { count.add() }})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Subscribe(ctx, clientTopic); err != nil {
		return err
	}
	return count.report()
}

// counter counts what comes, and when the first and the last of it did. The
// clock is read for every 64th only, since reading it is what would be measured.
type counter struct {
	n           atomic.Int64
	first, last time.Time // of the goroutine that counts, until n is complete
}

func (c *counter) add() {
	switch n := c.n.Add(1); {
	case n == 1:
		c.first = time.Now()
	case n%64 == 0:
		c.last = time.Now()
	}
}

// report waits for the number that should come, or for a second without any,
// and prints what came.
func (c *counter) report() error {
	fmt.Println("ready")
	var total int64
	if _, err := fmt.Scan(&total); err != nil {
		return err
	}
	for quiet, seen := 0, int64(-1); c.n.Load() < total && quiet < 100; quiet++ {
		if n := c.n.Load(); n != seen {
			quiet, seen = 0, n
		}
		time.Sleep(10 * time.Millisecond) // counting is what the machine shall do meanwhile
	}
	fmt.Println(c.n.Load(), c.last.Sub(c.first).Seconds())
	return nil
}

func answerAll(ctx context.Context, addr string) error {
	var c *tcpq.Client
	connected := make(chan struct{})
	c, err := tcpq.Dial(ctx, addr, &tcpq.ClientConfig{OnEvent: func(f *framing.Frame) {
		<-connected
		c.ReplyTo(f.Origin, f.Sequence, clientTopic, f.Payload) // fails when the conversation ends, and with it the measurement
	}})
	if err != nil {
		return err
	}
	defer c.Close()
	close(connected)
	if _, err := c.Subscribe(ctx, clientTopic); err != nil {
		return err
	}
	return untilTold()
}

func askAll(ctx context.Context, addr string, count int) error {
	c, err := tcpq.Dial(ctx, addr, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	times, payload := make([]time.Duration, 0, count), make([]byte, askedBytes)
	for range count {
		began := time.Now()
		if _, err := c.Request(ctx, clientTopic, payload); err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	fmt.Println(float64(times[count/2].Nanoseconds()) / 1e3)
	return nil
}

// idleAll keeps connections open that have shaken hands, subscribed and been
// quiet since.
func idleAll(ctx context.Context, addr string, count int) error {
	for i := range count {
		c, err := idleClient(ctx, addr, i)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	return untilTold()
}

// idleClient is a client at its least, since ten thousand are wanted: without
// goroutines and buffers of its own.
func idleClient(ctx context.Context, addr string, i int) (net.Conn, error) {
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%idleAddresses))}}
	c, err := from.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	hello := framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version}
	body, err := hello.Append(nil)
	if err != nil {
		return c, err
	}
	w := framing.NewWriter(c)
	for _, f := range []framing.Frame{
		{Kind: framing.KindHello, Payload: body},
		{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte(clientTopic), Payload: new(framing.Subscribe).Append(nil)},
	} {
		if err := w.Write(&f); err != nil {
			return c, err
		}
	}
	if err := w.Flush(); err != nil {
		return c, err
	}
	r := framing.NewReader(c, 0)
	for {
		switch f, err := r.Next(); {
		case err != nil:
			return c, err
		case f.Kind == framing.KindError:
			return c, fmt.Errorf("connection %d: %s", i, f.Payload)
		case f.Kind == framing.KindReceipt:
			return c, nil
		}
	}
}

// untilTold says that this client is ready and waits until its standard input
// closes.
func untilTold() error {
	fmt.Println("ready")
	var end string
	fmt.Scan(&end)
	return nil
}
