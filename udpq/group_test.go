package udpq_test

import (
	"net/netip"
	"testing"

	"rawlab/udpq"
)

func TestParseGroup(t *testing.T) {
	for text, want := range map[string]udpq.Group{
		"239.1.2.3:9701":         {Addr: netip.MustParseAddrPort("239.1.2.3:9701")},
		"239.1.2.3:9701%eth0":    {netip.MustParseAddrPort("239.1.2.3:9701"), "eth0"},
		"[ff02::77]:9701%lo":     {netip.MustParseAddrPort("[ff02::77]:9701"), "lo"},
		"[ff02::77%lo]:9701":     {netip.MustParseAddrPort("[ff02::77]:9701"), "lo"},
		"[::ffff:239.1.2.3]:1%2": {netip.MustParseAddrPort("239.1.2.3:1"), "2"},
		"[ff05::1]:9":            {Addr: netip.MustParseAddrPort("[ff05::1]:9")},
	} {
		got, err := udpq.ParseGroup(text)
		if err != nil || got != want {
			t.Errorf("ParseGroup(%q) = %v, %v, want %v", text, got, err, want)
		}
		if again, err := udpq.ParseGroup(got.String()); err != nil || again != want {
			t.Errorf("ParseGroup(%q) = %v, %v, want %v", got, again, err, want)
		}
	}
	for _, text := range []string{"", "239.1.2.3", "239.1.2.3:0", "239.1.2.3:70000", "10.0.0.1:9701", "host:9701", "[ff02::77]:9701", "[::1]:9"} {
		if g, err := udpq.ParseGroup(text); err == nil {
			t.Errorf("ParseGroup(%q) = %v, want an error", text, g)
		}
	}
}
