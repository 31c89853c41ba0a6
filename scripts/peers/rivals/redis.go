package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"time"
)

// window is how many commands may be unanswered: enough that the server never
// waits for the publisher, few enough that it need not keep seconds of events.
const window = 64 << 10

// redisPublish pipelines PUBLISH in large writes, as the protocol allows,
// without the cost of a client library.
func redisPublish(addr string, size int, lasting time.Duration) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	answers := make(chan int, window)
	go countAnswers(c, answers)
	command := fmt.Appendf(nil, "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(topic), topic, size, make([]byte, size))
	batch := bytes.Repeat(command, max(1, 64<<10/len(command)))
	sent, answered := 0, 0
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		if _, err := c.Write(batch); err != nil {
			return err
		}
		sent += len(batch) / len(command)
		for sent-answered > window {
			answered += <-answers
		}
	}
	for answered < sent {
		n, ok := <-answers
		if !ok {
			return fmt.Errorf("%d of %d commands answered", answered, sent)
		}
		answered += n
	}
	fmt.Println(sent)
	return nil
}

// countAnswers tells how many lines came with each read.
func countAnswers(r io.Reader, answers chan<- int) {
	defer close(answers)
	b := make([]byte, 64<<10)
	for {
		n, err := r.Read(b)
		if err != nil {
			return
		}
		answers <- bytes.Count(b[:n], []byte{'\n'})
	}
}

func redisSubscribe(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintf(c, "SUBSCRIBE %s\r\n", topic)
	r := bufio.NewReaderSize(c, 256<<10)
	if err := redisMessage(r); err != nil { // the subscription's answer has the same shape
		return err
	}
	var count counter
	go func() {
		for redisMessage(r) == nil {
			count.add()
		}
	}()
	return count.report()
}

// redisMessage reads one array of three: kind, topic, and payload or number.
func redisMessage(r *bufio.Reader) error {
	if _, err := r.ReadSlice('\n'); err != nil {
		return err
	}
	for range 3 {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line[0] != '$' {
			continue
		}
		size := 0
		for _, digit := range line[1 : len(line)-2] {
			size = 10*size + int(digit-'0')
		}
		if _, err := r.Discard(size + 2); err != nil {
			return err
		}
	}
	return nil
}
