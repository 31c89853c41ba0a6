// Package dtls keeps datagrams from being read or changed on the way: DTLS
// 1.2 (RFC 6347), by github.com/pion/dtls.
//
// It stands between a socket and udpq, which does not know of it. [Listen]
// makes of a server's socket one whose datagrams come out of, and go into, an
// association with each address:
//
//	udpq.Server ── ReadFrom, WriteTo ── Socket ─┬─ association with 192.0.2.1:5000 ─┬─ the kernel's socket
//	                                            └─ association with 192.0.2.7:4711 ─┘
//
// and [ClientConfig.Dial] is what a udpq client opens its socket with.
//
// # Who is let in
//
// Both ends know each other by the server's certificate, as over TLS, or by a
// key that both have (PSK, RFC 4279); both give forward secrecy, and every
// cipher is an AEAD.
//
// An address has to show a cookie (RFC 6347 section 4.2.1) before anything of
// worth is computed for it. Until then it takes one of MaxHandshakes places;
// when all are taken, who waits longest without a cookie makes room. One source,
// an IP address or an IPv6 /64, is heeded SourceRate records of handshakes a
// second; what comes over that costs a look, and is counted. A
// handshake that is not over in time is given up, and so is an association
// of which nothing was heard for long. A client that has lost its association,
// since it was started again at the same address, gets another: the old one
// holds until the new one stands (RFC 6347 section 4.2.8).
//
// What is no record of an association is counted and dropped, but for the
// hello of a client that speaks no DTLS: it is told so, in no more bytes.
//
// A client names its association in each record, by a connection ID that the
// server gave it (RFC 9146). So one whose address changes on the way, by a NAT,
// need not shake hands again: its records are deciphered as before, and come
// out of [Socket] from the new address. What is written goes to the address
// that it is written to, of the last few that the client was seen at: package
// udpq moves a session only once the new one is shown to be the client's. A
// client that takes another socket shakes hands over it. So does, once it has
// heard nothing for long enough, one that offers no connection ID: what it says
// from another address is of no association, and dropped.
//
// # Limits
//
// A record carries up to [MaxDatagram] bytes, and is [Overhead] larger than
// what it carries at most, to the client 9 bytes less. Datagrams meant for [Budget] travel in one Ethernet frame.
package dtls
