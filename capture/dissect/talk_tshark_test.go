package dissect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"rawlab/capture/dissect"
	"rawlab/internal/tools"
)

// sameAt is a value in a packet of a capture.
type sameAt struct {
	packet int
	same
}

// holdAgainst reads a capture with both programs, field by field.
func holdAgainst(t *testing.T, packets [][]byte, same []sameAt) {
	t.Helper()
	var fields []string
	for _, s := range same {
		if !slices.Contains(fields, s.tshark) {
			fields = append(fields, s.tshark)
		}
	}
	rows := tools.Tshark(t, tools.SaveData(t, dissect.LinkEthernet, packets...), sequenceNumbers, fields...)
	layers, _ := explain(t, dissect.LinkEthernet, packets...)
	if len(rows) != len(packets) {
		t.Fatalf("tshark read %d packets, want %d", len(rows), len(packets))
	}
	for _, s := range same {
		agree(t, rows[s.packet][slices.Index(fields, s.tshark)], s.same, layers[s.packet])
	}
	for i, ls := range layers {
		checkLayers(t, packets[i], ls)
	}
}

func TestHTTPAgainstTshark(t *testing.T) {
	d := newDialogue(t).client("GET /a HTTP/1.1\r\nHost: example.org\r\nUser-Agent: none\r\n\r\n").
		server("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").
		client(upgrade).server(agreed).client(masked(0x81, `42["hi"]`), masked(0x89, "?")).
		server(unmaskedFrame(0x82, "12345"), unmaskedFrame(0x88, "\x03\xe8bye"))
	holdAgainst(t, d.packets, []sameAt{
		{2, same{"http.request.method", "HTTP request", "request"}},
		{2, same{"http.request.uri", "HTTP request", "request"}},
		{2, same{"http.host", "HTTP request", "Host"}},
		{2, same{"http.user_agent", "HTTP request", "User-Agent"}},
		{3, same{"http.response.code", "HTTP response", "status"}},
		{3, same{"http.response.phrase", "HTTP response", "status"}},
		{3, same{"http.chunk_size", "HTTP chunk", "size"}},
		{6, same{"websocket.opcode", "WebSocket", "opcode"}},
		{6, same{"websocket.payload_length", "WebSocket", "length"}},
		{6, same{"websocket.masking_key", "WebSocket", "masking key"}},
		{7, same{"websocket.opcode", "WebSocket", "opcode"}},
		{8, same{"websocket.payload_length", "WebSocket", "length"}},
		{9, same{"websocket.payload.close.status_code", "WebSocket", "code"}},
		{9, same{"websocket.payload.close.reason", "WebSocket", "reason"}},
	})
}

// dnsMessages are a question and answers, with names that point back.
func dnsMessages(t testing.TB) (query, answer []byte) {
	query = unhex(t, "abcd 0120 0001 0000 0000 0001 07 6578616d706c65 03 6f7267 00 00ff 0001 00 0029 04d0 0000 8000 000c 000a 0008 0011223344556677")
	question := query[12:29]
	answer = slices.Concat(unhex(t, "abcd 8580 0001 0006 0000 0001"), question,
		unhex(t, "c00c 0005 0001 0000012c 0006 03777777 c00c"),
		unhex(t, "c029 0001 0001 0000012c 0004 0a000001"),
		unhex(t, "c00c 001c 0001 0000012c 0010 fd000000000000000000000000000001"),
		unhex(t, "c00c 000f 0001 0000012c 0009 000a 046d61696c c00c"),
		unhex(t, "c00c 0010 0001 0000012c 0006 0568656c6c6f"),
		unhex(t, "c00c 0021 0001 0000012c 000c 0001 0002 01bb 03737276 c00c"),
		unhex(t, "00 0029 04d0 0000 0000 0000"))
	return query, answer
}

func TestDNSAgainstTshark(t *testing.T) {
	query, answer := dnsMessages(t)
	client, server := client4, server4
	server = netAddrPort(server, 53)
	packets := [][]byte{udpPacket(t, client, server, query), udpPacket(t, server, client, answer)}
	holdAgainst(t, packets, []sameAt{
		{0, sameField("dns.id", "identifier")}, {0, sameField("dns.count.queries", "counts")}, {0, sameField("dns.qry.name", "question")},
		{0, sameField("dns.rr.udp_payload_size", "EDNS")}, {0, sameField("dns.opt.cookie.client", "EDNS")},
		{1, sameField("dns.count.answers", "counts")}, {1, sameField("dns.a", "answer")}, {1, sameField("dns.aaaa", "answer")}, {1, sameField("dns.cname", "answer")},
		{1, sameField("dns.mx.mail_exchange", "answer")}, {1, sameField("dns.mx.preference", "answer")}, {1, sameField("dns.txt", "answer")},
		{1, sameField("dns.srv.port", "answer")}, {1, sameField("dns.srv.target", "answer")}, {1, sameField("dns.resp.ttl", "answer")},
	})
	layers, _ := explain(t, dissect.LinkEthernet, packets...)
	for _, want := range []string{"example.org CNAME www.example.org, to be kept 300 s", `example.org TXT "hello", to be kept 300 s`} {
		if !slices.ContainsFunc(layers[1], func(l dissect.Layer) bool {
			return slices.ContainsFunc(l.Fields, func(f dissect.Field) bool { return f.Value == want })
		}) {
			t.Errorf("no field says %q", want)
		}
	}
}

func sameField(theirs, ours string) same { return same{theirs, "DNS", ours} }

// handshake runs TLS of a version between a client and a server, and returns
// it as packets.
func handshake(t *testing.T, version uint16) [][]byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example.test"}, NotAfter: epoch, DNSNames: []string{"example.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	d := newDialogue(t)
	var said sync.Mutex
	client := tls.Client(spoken{a, d, 0, &said}, &tls.Config{ServerName: "example.test", NextProtos: []string{"h2", "http/1.1"}, InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, Time: func() time.Time { return epoch }})
	server := tls.Server(spoken{b, d, 1, &said}, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2"}})
	var served sync.WaitGroup
	served.Go(func() {
		buf := make([]byte, 100)
		n, err := server.Read(buf)
		if err != nil || string(buf[:n]) != "secret" {
			t.Errorf("server read %q, %v", buf[:n], err)
		}
		server.Close()
	})
	if _, err := client.Write([]byte("secret")); err != nil {
		t.Error(err)
	}
	client.Read(make([]byte, 1)) // takes the server's end
	served.Wait()
	return d.packets
}

// spoken is a connection of which every write is a segment.
type spoken struct {
	net.Conn
	d    *dialogue
	who  int
	said *sync.Mutex
}

func (s spoken) Write(b []byte) (int, error) {
	s.said.Lock()
	s.d.say(s.who, []string{string(b)})
	s.said.Unlock()
	return s.Conn.Write(b)
}

func TestTLSAgainstTshark(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		packets := handshake(t, version)
		holdAgainst(t, packets, []sameAt{
			{2, same{"tls.record.length", "TLS record", "length"}},
			{2, same{"tls.record.version", "TLS record", "version"}},
			{2, same{"tls.handshake.extensions_server_name", "TLS ClientHello", "server name"}},
			{2, same{"tls.handshake.extensions_alpn_str", "TLS ClientHello", "ALPN"}},
			{2, same{"tls.handshake.random", "TLS ClientHello", "random"}},
			{3, same{"tls.handshake.ciphersuite", "TLS ServerHello", "cipher"}},
			{3, same{"tls.handshake.random", "TLS ServerHello", "random"}},
			{3, same{"tls.record.length", "TLS record", "length"}},
		})
		layers, _ := explain(t, dissect.LinkEthernet, packets...)
		sealed := 0
		for _, ls := range layers {
			for _, l := range ls {
				if l.Name == "encrypted data" && l.To-l.From == len("secret")+map[uint16]int{tls.VersionTLS13: 1}[version] {
					sealed++
				}
			}
		}
		if sealed == 0 {
			t.Errorf("TLS %#x: no record has the six bytes that were sent", version)
		}
		if version == tls.VersionTLS12 {
			if got := value(layers[3], "TLS Certificate", "certificate"); got != "of CN=example.test, by CN=example.test, until 2030-01-02, for example.test" {
				t.Errorf("certificate = %q", got)
			}
		}
	}
}

func TestDatagramsAgainstTshark(t *testing.T) {
	// A ClientHello of DTLS 1.2 with a cookie, and an Initial of QUIC.
	hello := unhex(t, "16 feff 0000 000000000007 0041 01 000035 0001 000000 000035 fefd 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 00 04 aabbccdd 0002 c02b 01 00 0004 0017 0000")
	hello[12] = byte(len(hello) - 13)
	hello[16], hello[24] = hello[12]-12, hello[12]-12
	initial := slices.Concat(unhex(t, "c3 00000001 08 0001020304050607 04 a0a1a2a3 00 4020"), make([]byte, 32))
	packets := [][]byte{udpPacket(t, client4, netAddrPort(server4, 4433), hello), udpPacket(t, client4, netAddrPort(server4, 443), initial)}
	holdAgainst(t, packets, []sameAt{
		{0, same{"dtls.record.sequence_number", "DTLS record", "number"}},
		{0, same{"dtls.record.length", "DTLS record", "length"}},
		{0, same{"dtls.handshake.cookie", "DTLS ClientHello", "cookie"}},
		{0, same{"dtls.handshake.random", "DTLS ClientHello", "random"}},
		{0, same{"dtls.handshake.ciphersuite", "DTLS ClientHello", "ciphers"}},
		{1, same{"quic.dcid", "QUIC long header", "to"}},
		{1, same{"quic.scid", "QUIC long header", "from"}},
		{1, same{"quic.length", "QUIC long header", "length"}},
	})
}
