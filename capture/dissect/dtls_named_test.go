package dissect_test

import (
	"slices"
	"testing"

	"rawlab/capture/dissect"
)

// The connection IDs that records bear are read, whatever their length, and
// what follows in the datagram is found.
func TestRecordsWithConnectionIDs(t *testing.T) {
	named := func(id string, length int) []byte {
		b := slices.Concat(unhex(t, "19 fefd 0001 000000000005"), unhex(t, id), []byte{0, byte(length)})
		return append(b, make([]byte, length)...)
	}
	plain := append(unhex(t, "17 fefd 0001 000000000006 0020"), make([]byte, 32)...)
	for name, c := range map[string]struct {
		datagram []byte
		ids      []string
	}{
		"ours":              {named("0102030405060708", 40), []string{"0102030405060708"}},
		"of four bytes":     {named("0a0b0c0d", 33), []string{"0a0b0c0d"}},
		"two":               {slices.Concat(named("0102030405060708", 40), named("1112131415161718", 50)), []string{"0102030405060708", "1112131415161718"}},
		"and one without":   {slices.Concat(named("0102030405060708", 40), plain), []string{"0102030405060708"}},
		"cut":               {named("0102030405060708", 40)[:50], nil},
		"of epoch 0":        {slices.Concat(unhex(t, "19 fefd 0000 000000000005 0102030405060708 0028"), make([]byte, 40)), nil},
		"nothing encrypted": {named("0102030405060708", 0), nil},
	} {
		t.Run(name, func(t *testing.T) {
			layers, _ := explain(t, dissect.LinkEthernet, udpPacket(t, client4, netAddrPort(server4, 4433), c.datagram))
			var ids []string
			for _, l := range layers[0] {
				for _, f := range l.Fields {
					if f.Name == "connection ID" {
						ids = append(ids, f.Value)
					}
				}
			}
			if !slices.Equal(ids, c.ids) {
				t.Errorf("connection IDs %q, want %q", ids, c.ids)
			}
		})
	}
}
