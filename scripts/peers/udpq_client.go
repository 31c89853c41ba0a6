package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"rawlab/framing"
	"rawlab/udpq"
)

// The clients of the UDP queue, and a plain relay with clients of its own,
// each with the arguments and answers of those in runClient:
// "udp-pub ADDR BYTES MILLISECONDS PACK PER-SECOND", "udp-sub ADDR OFFLOAD", "relay
// ADDR", "relay-pub ADDR BYTES MILLISECONDS" and "relay-sub ADDR".

// emitDatagrams emits for a while, packed and with offload if pack is not 0,
// otherwise each event in a datagram of its own, 64 to a system call. It emits
// no more than so many per second, unless that is 0.
func emitDatagrams(ctx context.Context, addr string, size int, lasting time.Duration, pack, perSecond int) error {
	c, err := udpq.Dial(ctx, addr, &udpq.ClientConfig{PackBudget: pack, Offload: pack > 0, Gather: 64})
	if err != nil {
		return err
	}
	n, payload := 0, make([]byte, size)
	began := time.Now()
	for now, end := began, began.Add(lasting); now.Before(end); now = time.Now() {
		if early := float64(n)/float64(max(1, perSecond)) - now.Sub(began).Seconds(); perSecond > 0 && early > 0 {
			time.Sleep(time.Duration(early * 1e9))
			continue
		}
		for range 64 {
			if _, err := c.EmitAt(now, clientTopic, payload); err != nil {
				return err
			}
			n++
		}
	}
	if err := c.Close(); err != nil {
		return err
	}
	fmt.Println(n)
	return nil
}

func countDatagrams(ctx context.Context, addr string, offload bool) error {
	var count counter
	c, err := udpq.Dial(ctx, addr, &udpq.ClientConfig{Offload: offload, OnEvent: func(*framing.Frame) { count.add() }})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Subscribe(ctx, clientTopic); err != nil {
		return err
	}
	return count.report()
}

// relay passes every datagram on to whoever sent the last empty one, as a
// plain Go program does it: a call each.
func relay(addr string) error {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	udp := conn.(*net.UDPConn)
	if err := udp.SetReadBuffer(udpq.DefaultReceiveBuffer); err != nil {
		return err
	}
	fmt.Println("ready")
	var to netip.AddrPort
	for b := make([]byte, 1<<16); ; {
		n, from, err := udp.ReadFromUDPAddrPort(b)
		switch {
		case err != nil:
			return err
		case n == 0:
			to = from
			_, err = udp.WriteToUDPAddrPort(nil, to)
		default:
			_, err = udp.WriteToUDPAddrPort(b[:n], to)
		}
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
	}
}

func relayPublish(addr string, size int, lasting time.Duration) error {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	n, payload := 0, make([]byte, size)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		for range 64 {
			if _, err := c.Write(payload); err != nil {
				return err
			}
			n++
		}
	}
	fmt.Println(n)
	return nil
}

func relayCount(addr string) error {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	if err := c.(*net.UDPConn).SetReadBuffer(udpq.DefaultReceiveBuffer); err != nil {
		return err
	}
	b := make([]byte, 1<<16)
	if _, err := c.Write(nil); err != nil {
		return err
	}
	if _, err := c.Read(b); err != nil { // the relay knows
		return err
	}
	var count counter
	done := make(chan error, 1) // the one end of the reading goroutine
	go func() {
		for {
			if _, err := c.Read(b); err != nil {
				done <- err
				return
			}
			count.add()
		}
	}()
	err = count.report()
	c.Close()
	<-done // that it was closed
	return err
}
