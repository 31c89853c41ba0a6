package main

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/xtaci/kcp-go/v5"
)

// Both ends of a KCP stream as its documents set it for speed: no delay, no
// congestion control, large windows and buffers, no encryption, no parity.
// What is written is packed into full datagrams.
const (
	kcpWindow = 1024
	kcpBuffer = 4 << 20
)

func kcpTune(s *kcp.UDPSession) {
	s.SetStreamMode(true)
	s.SetWriteDelay(true)
	s.SetNoDelay(1, 10, 2, 1)
	s.SetWindowSize(kcpWindow, kcpWindow)
	s.SetMtu(1452)
}

func kcpPublish(addr string, size int, lasting time.Duration) error {
	s, err := kcp.DialWithOptions(addr, nil, 0, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	kcpTune(s)
	if err := s.SetWriteBuffer(kcpBuffer); err != nil {
		return err
	}
	return writeEvents(s, size, lasting)
}

func kcpSubscribe(addr string, size int) error {
	l, err := kcp.ListenWithOptions(addr, nil, 0, 0)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.SetReadBuffer(kcpBuffer); err != nil {
		return err
	}
	return readEvents(size, func() (io.Reader, error) {
		s, err := l.AcceptKCP()
		if err != nil {
			return nil, err
		}
		kcpTune(s)
		return s, nil
	})
}

// writeEvents writes events of a size into a stream, in large writes, prints
// how many, and stays until its standard input closes: the stream may have to
// send some again.
func writeEvents(w io.Writer, size int, lasting time.Duration) error {
	out, n, event := bufio.NewWriterSize(w, 64<<10), 0, make([]byte, size)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		for range 256 {
			if _, err := out.Write(event); err != nil {
				return err
			}
			n++
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Println(n)
	var end string
	fmt.Scan(&end)
	return nil
}

// readEvents counts the events of a stream.
func readEvents(size int, accept func() (io.Reader, error)) error {
	var count counter
	go func() {
		r, err := accept()
		if err != nil {
			return
		}
		in, event := bufio.NewReaderSize(r, 64<<10), make([]byte, size)
		for {
			if _, err := io.ReadFull(in, event); err != nil {
				return // the measurement is over
			}
			count.add()
		}
	}()
	return count.report()
}
