package framing_test

import (
	"testing"

	"rawlab/framing"
)

// What carries an event, whole or a piece of it, tells which; nothing else does.
func TestIdentifyByKind(t *testing.T) {
	for k := framing.KindHello; k.Valid(); k++ {
		b, err := (&framing.Frame{Kind: k, Flags: framing.FlagCRC, Origin: 7, Sequence: 9}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		origin, sequence, ok := framing.Identify(b)
		want := k == framing.KindEmit || k == framing.KindEvent || k == framing.KindFragment
		if ok != want || ok && (origin != 7 || sequence != 9) {
			t.Errorf("Identify(%v) = %d, %d, %v, want ok = %v", k, origin, sequence, ok, want)
		}
		if _, _, ok := framing.Identify(b[:len(b)-5]); ok {
			t.Errorf("Identify(%v, cut short) = ok", k)
		}
	}
}
