package labs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/capture/pcapng"
	"rawlab/internal/tools"
	"rawlab/labs"
)

// TestWiresharkReadsEveryLab holds our dissector for Wireshark against our own
// decoding: at every tap of every lab, both find the same frames.
func TestWiresharkReadsEveryLab(t *testing.T) {
	tools.Find(t, "tshark")
	catalog := labs.Catalog
	if testing.Short() {
		catalog = []*labs.Lab{labs.Loss} // virtual hosts are slow under the race detector
	}
	for _, l := range catalog {
		if l == labs.Corrupt || l == labs.Fragmentation {
			continue // what has lost bits or pieces each program takes for something else
		}
		o := l.Defaults
		o.Events = min(o.Events, 200)
		for n, e := range runVirtual(t, l, o).Evidence {
			if e.Variant == "tls" || e.Variant == "dtls" {
				continue // neither can read it; see TestWiresharkIsLeftTheEncrypted
			}
			for i := range e.Taps {
				if l != labs.Loss && i != n%2 {
					continue // the other end saw the same frames, but for those that were lost
				}
				t.Run(fmt.Sprintf("%s %s %s tap %d", l.Name, e.Transport, e.Variant, i), func(t *testing.T) {
					t.Parallel()
					packets := e.Taps[i].Packets
					if d := cmp.Diff(assembled(packets), fromTshark(t, packets)); d != "" {
						t.Errorf("frames (-ours +tshark):\n%s", d)
					}
				})
			}
		}
	}
}

// TestWiresharkIsLeftTheEncrypted: of TLS and DTLS on our port Wireshark shows
// all that it does when it is told what they are, and no frame of ours.
func TestWiresharkIsLeftTheEncrypted(t *testing.T) {
	if testing.Short() {
		t.Skip("virtual hosts are slow under the race detector")
	}
	tools.Find(t, "tshark")
	o := labs.MITMView.Defaults
	o.Events = 10
	fields := []string{
		"frame.number", "_ws.col.Protocol", "_ws.col.Info", "tls.record.content_type", "tls.handshake.type", "tls.handshake.extensions_server_name",
		"dtls.record.content_type", "dtls.handshake.type", "rawlab.kind", "rawlab.expert.frame",
	}
	ours := []string{"-X", "lua_script:../scripts/rawlab.lua"}
	told := slices.Concat(ours, []string{"-d", "tcp.port==9700,tls", "-d", "udp.port==9700,dtls"})
	for n, e := range runVirtual(t, labs.MITMView, o).Evidence {
		file := saved(t, e.Taps[n%2].Packets)
		got := tools.Tshark(t, file, ours, fields...)
		frames, hellos := 0, 0
		for _, row := range got {
			if row[8] != "" {
				frames++
			}
			if strings.Contains(row[2], "Client Hello") {
				hellos++
			}
		}
		plain := e.Variant == "plain"
		if plain != (frames > 0) || plain != (hellos == 0) {
			t.Errorf("%s: %d packets with frames of ours, %d with a client's hello", e.Name(), frames, hellos)
		}
		if plain {
			continue
		}
		if d := cmp.Diff(tools.Tshark(t, file, told, fields...), got); d != "" {
			t.Errorf("%s (-told what it is +by itself):\n%s", e.Name(), d)
		}
	}
}

// assembled lists the frames that we find, as tshark's fields tell them.
func assembled(packets []account.Packet) (frames []string) {
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	for i := range packets {
		a.Add(i+1, packets[i].Time, packets[i].Data)
	}
	for _, f := range a.Finish() {
		if f.Err == nil {
			frames = append(frames, fmt.Sprintf("%d %d %d %d %d", f.Kind, f.Origin, f.Sequence, f.Time, f.PayloadLength))
		}
	}
	slices.Sort(frames)
	return frames
}

// saved writes what a tap captured into a file.
func saved(t *testing.T, packets []account.Packet) (file string) {
	t.Helper()
	list := make([]pcapng.Packet, len(packets))
	for i := range packets {
		list[i] = pcapng.Packet{Time: packets[i].Time, Data: packets[i].Data}
	}
	return tools.Save(t, pcapng.LinkEthernet, list...)
}

// fromTshark lists the frames that tshark finds with our dissector.
func fromTshark(t *testing.T, packets []account.Packet) (frames []string) {
	t.Helper()
	rows := tools.Tshark(t, saved(t, packets),
		[]string{"-X", "lua_script:../scripts/rawlab.lua", "-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "rawlab and not icmp and not icmpv6"},
		"rawlab.kind", "rawlab.origin", "rawlab.seq", "rawlab.time_ns", "rawlab.payload_length")
	for _, columns := range rows {
		if columns[0] == "" { // taken for ours by its port, and there is no frame in it
			continue
		}
		for i := range strings.Split(columns[0], ";") {
			var frame []string
			for _, c := range columns {
				frame = append(frame, strings.Split(c, ";")[i])
			}
			frames = append(frames, strings.Join(frame, " "))
		}
	}
	slices.Sort(frames)
	return frames
}
