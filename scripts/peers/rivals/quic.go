package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"time"

	"github.com/quic-go/quic-go"
)

const quicProtocol = "rawlab-peers"

// quicConfig lets as much be on the way as fits the buffers.
func quicConfig() *quic.Config {
	const window = 8 << 20
	return &quic.Config{
		InitialStreamReceiveWindow: window, MaxStreamReceiveWindow: window,
		InitialConnectionReceiveWindow: window, MaxConnectionReceiveWindow: window,
		InitialPacketSize: 1452,
	}
}

func quicPublish(addr string, size int, lasting time.Duration) error {
	ctx := context.Background()
	c, err := quic.DialAddr(ctx, addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{quicProtocol}}, quicConfig())
	if err != nil {
		return err
	}
	defer c.CloseWithError(0, "")
	s, err := c.OpenUniStreamSync(ctx)
	if err != nil {
		return err
	}
	return writeEvents(s, size, lasting)
}

func quicSubscribe(addr string, size int) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	l, err := quic.ListenAddr(addr, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{quicProtocol}}, quicConfig())
	if err != nil {
		return err
	}
	defer l.Close()
	return readEvents(size, func() (io.Reader, error) {
		c, err := l.Accept(context.Background())
		if err != nil {
			return nil, err
		}
		return c.AcceptUniStream(context.Background())
	})
}

// selfSigned returns a certificate that nobody vouches for.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
