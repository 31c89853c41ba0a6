package dissect_test

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rawlab/capture/dissect"
	"rawlab/internal/tools"
)

// sequenceNumbers has tshark tell those of TCP as they are.
var sequenceNumbers = []string{"-o", "tcp.relative_sequence_numbers:FALSE"}

// same is a value that tshark and we both read out of a packet: its field
// there, our layer and field here.
type same struct {
	tshark, layer, field string
}

// compared is a packet with what is read out of it.
type compared struct {
	name string
	data []byte
	same []same
}

// word splits a value into what must be found in ours.
var word = regexp.MustCompile(`[0-9A-Za-z._:-]+`)

// words returns the words of a value, numbers in decimal and a port also
// without the address before it.
func words(value string) []string {
	var all []string
	for _, w := range word.FindAllString(strings.ToLower(value), -1) {
		w = strings.TrimRight(w, ".:")
		if n, err := strconv.ParseUint(w, 0, 64); err == nil {
			w = strconv.FormatUint(n, 10)
		}
		all = append(all, w, w[strings.LastIndex(w, ":")+1:])
	}
	return all
}

// agree holds our fields against tshark's: every word of a value that tshark
// gives has to be a word of ours.
func agree(t *testing.T, theirs string, s same, layers []dissect.Layer) {
	t.Helper()
	var ours []string
	for _, l := range layers {
		for _, f := range l.Fields {
			if l.Name == s.layer && f.Name == s.field {
				ours = append(ours, f.Value)
			}
		}
	}
	if theirs == "" {
		t.Errorf("tshark has no %s, want it there", s.tshark)
		return
	}
	have := words(strings.Join(ours, " "))
	for _, w := range words(theirs) {
		if !slices.Contains(have, w) {
			t.Errorf("%s = %q of tshark, ours %s %s = %q", s.tshark, theirs, s.layer, s.field, ours)
			return
		}
	}
}

// TestAgainstTshark reads each packet with both, field by field.
func TestAgainstTshark(t *testing.T) {
	packets := slices.Concat(optionPackets(t), icmpPackets(t))
	var data [][]byte
	var fields []string
	for _, p := range packets {
		data = append(data, p.data)
		for _, s := range p.same {
			if !slices.Contains(fields, s.tshark) {
				fields = append(fields, s.tshark)
			}
		}
	}
	rows := tools.Tshark(t, tools.SaveData(t, dissect.LinkEthernet, data...), sequenceNumbers, fields...)
	if len(rows) != len(packets) {
		t.Fatalf("tshark read %d packets, want %d", len(rows), len(packets))
	}
	for i, p := range packets {
		t.Run(p.name, func(t *testing.T) {
			layers := dissect.Dissect(p.data, dissect.LinkEthernet)
			for _, s := range p.same {
				agree(t, rows[i][slices.Index(fields, s.tshark)], s, layers)
			}
			checkLayers(t, p.data, layers)
		})
	}
}

// unhex reads bytes that a test writes with spaces between.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
