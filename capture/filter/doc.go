// Package filter compiles tcpdump's filter language into a classic BPF
// program, for the kernel to run on a live capture and for us on a file.
//
// The language is that of pcap-filter(7), with the same meaning down to its
// surprises: "and" and "or" bind equally and from left to right; "port 53 or
// 54" carries the qualifier over; ports and transport bytes are looked for
// in first fragments only, and bytes ("udp[8:4]") in IPv4 only; a packet too
// short for a byte that a test needs is refused as a whole, even under "not".
//
// What is covered: the protocols ether ip ip6 arp rarp icmp icmp6 igmp tcp
// udp sctp; host, net, port and portrange with src, dst and a protocol in
// front; proto, broadcast, multicast, less, greater, len; and comparisons of
// arithmetic over packet bytes. Everything else is refused by name and
// position with a [*SyntaxError]: nothing is accepted that is not fully
// understood. Host names are not looked up.
//
// The road is short: lexer, parser, a tree of tests, code. Each primitive
// becomes tests of packet fields joined by and, or and not (primitive.go);
// code generation knows only those (node.go) and arithmetic (arith.go).
package filter
