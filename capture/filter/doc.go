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
// front; vlan, after which everything is looked for behind the tag; proto,
// broadcast, multicast, less, greater, len, inbound and outbound; ah esp pim
// igrp vrrp carp alone; and comparisons of arithmetic over packet bytes.
// Everything else is refused by name and position with a [*SyntaxError]:
// nothing is accepted that is not fully understood. Host names are not
// looked up.
//
// The same expression means the same on a file and on a live capture, which
// is more than tcpdump promises: there a program sees packets whose VLAN tag
// the kernel has taken out, and [Program.Kernel] finds it where it lies
// (memory.go). The few expressions that this cannot do for are refused live.
//
// The road is short: lexer, parser, a tree of tests, code. Each primitive
// becomes tests of packet fields joined by and, or and not (primitive.go,
// special.go); code generation knows only those (node.go), arithmetic
// (arith.go) and where a byte is (memory.go).
//
// The tests hold every word of it to tcpdump: hundreds of expressions on a
// capture of everything, cut packets included, must accept the same packets
// in tcpdump's program and in ours, and in ours when Linux runs it.
package filter
