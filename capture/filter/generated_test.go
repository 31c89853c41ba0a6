package filter_test

import (
	"fmt"
	"strings"
)

// expressions returns all that are compared with tcpdump: those written by
// hand and, made here, every word of the language with every word that may
// stand before it.
func expressions() []string {
	all := append([]string(nil), handwritten...)
	all = append(all, protocolExpressions()...)
	all = append(all, idExpressions()...)
	all = append(all, byteExpressions()...)
	return append(all, joinedExpressions()...)
}

var directions = []string{"", "src", "dst", "src or dst", "dst and src"}

// protocolExpressions gives each protocol alone, not, and behind tags.
func protocolExpressions() (all []string) {
	for _, p := range []string{"ip", "ip6", "arp", "rarp", "icmp", "icmp6", "igmp", "tcp", "udp", "sctp"} {
		for _, form := range []string{"not %s", "vlan and %s", "vlan 100 and %s", "vlan and vlan 100 and %s", "%s and not vlan", "(vlan or %s) and len > 60", "%s[0] & 1 = 0", "not %s[1] > 2", "vlan and %s[2:2] > 40"} {
			all = append(all, fmt.Sprintf(form, p))
		}
	}
	for _, n := range []int{1, 2, 6, 17, 44, 47, 50, 58, 132} {
		for _, p := range []string{"", "ip ", "ip6 ", "vlan and ip "} {
			all = append(all, fmt.Sprintf("%sproto %d", p, n))
		}
	}
	return all
}

// idExpressions gives each kind of id with each direction and protocol.
func idExpressions() (all []string) {
	add := func(protocols []string, ids ...string) {
		for _, p := range protocols {
			for _, d := range directions {
				for _, id := range ids {
					all = append(all, strings.Join(strings.Fields(p+" "+d+" "+id), " "))
				}
			}
		}
	}
	add([]string{"", "tcp", "udp", "sctp", "vlan and udp"}, "port 53", "portrange 8999-9005")
	add([]string{"", "ip", "arp", "rarp"}, "host 10.77.0.1", "net 10.77.0.0/30")
	add([]string{"", "ip6", "vlan 100 and ip6"}, "host fd77::1", "net fd77::/126")
	add([]string{"ether"}, "host 02:00:00:00:00:01")
	return all
}

// byteExpressions gives each operator and relation over bytes of each size.
func byteExpressions() (all []string) {
	for _, r := range []string{"=", "!=", "<", "<=", ">", ">="} {
		all = append(all, "udp[4:2] "+r+" 20", "ip[8] "+r+" ip[9]", "not ip6[4:2] "+r+" 16", "len "+r+" 66", "70 "+r+" ether[14:4] >> 24")
	}
	for _, o := range []string{"+", "-", "*", "/", "%", "&", "|", "^"} {
		for _, form := range []string{"ip[8] %s 3 > 20", "ip[2:2] %s ip[8] < 1000", "(ip[9] %s 5) * 2 = 44", "3 + ip[8] %s 2 - 1 = 66", "17 %s 5 = 2"} {
			all = append(all, fmt.Sprintf(form, o))
		}
	}
	for _, p := range []string{"ether", "ip", "tcp", "udp", "icmp", "ip6"} {
		for at := range 3 {
			for _, size := range []int{1, 2, 4} {
				all = append(all, fmt.Sprintf("%s[%d:%d] > 0x%x", p, at*7, size, uint64(1)<<(8*size-2)))
			}
		}
	}
	return all
}

// joinedExpressions joins tests of every layer in every way.
func joinedExpressions() (all []string) {
	tests := []string{"udp", "port 9000", "host 10.77.0.1", "vlan 100", "ip[8] = 64", "not tcp", "greater 70"}
	for i, a := range tests {
		for j, b := range tests {
			if i != j {
				all = append(all, a+" and "+b, a+" or "+b, "not ("+a+" or "+b+") and "+tests[(i+j)%len(tests)])
			}
		}
	}
	return all
}
