package framing_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rawlab/framing"
)

// structured are the kinds whose payload has fields.
var structured = []framing.Kind{
	framing.KindHello, framing.KindWelcome, framing.KindSubscribe, framing.KindNack,
	framing.KindFragment, framing.KindParity, framing.KindReceipt,
}

// parseBody decodes the payload of a frame of that kind; nil if its kind has
// no structure.
func parseBody(k framing.Kind, b []byte) (any, error) {
	switch k {
	case framing.KindHello:
		return framing.ParseHello(b)
	case framing.KindWelcome:
		return framing.ParseWelcome(b)
	case framing.KindSubscribe:
		return framing.ParseSubscribe(b)
	case framing.KindNack:
		return framing.ParseRanges(b)
	case framing.KindFragment:
		return framing.ParseFragment(b)
	case framing.KindParity:
		return framing.ParseParity(b)
	case framing.KindReceipt:
		return framing.ParseReceipt(b)
	}
	return nil, nil
}

func appendBody(t testing.TB, body any) []byte {
	t.Helper()
	switch b := body.(type) {
	case framing.Hello:
		out, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	case framing.Welcome:
		return b.Append(nil)
	case framing.Subscribe:
		return b.Append(nil)
	case framing.Ranges:
		return b
	case framing.Fragment:
		return b.Append(nil)
	case framing.Parity:
		return b.Append(nil)
	case framing.Receipt:
		return b.Append(nil)
	}
	t.Fatalf("no body type %T", body)
	return nil
}

// bodyJSON is a body as the vectors file writes it.
func bodyJSON(t testing.TB, body any) json.RawMessage {
	t.Helper()
	fields := map[string]any{}
	switch b := body.(type) {
	case framing.Hello:
		fields["min_version"], fields["max_version"] = b.MinVersion, b.MaxVersion
		fields["name"], fields["token"] = hex.EncodeToString(b.Name), hex.EncodeToString(b.Token)
	case framing.Welcome:
		fields["version"], fields["limit"], fields["epoch"] = b.Version, b.Limit, decimal(b.Epoch)
	case framing.Subscribe:
		fields["epoch"], fields["offset"] = decimal(b.Epoch), decimal(b.Offset)
		if b != (framing.Subscribe{Epoch: b.Epoch, Offset: b.Offset}) {
			fields["delivery"], fields["overflow"], fields["window"] = b.Delivery, b.Overflow, b.Window
			fields["redeliver_ms"], fields["max_deliveries"] = b.Redeliver.Milliseconds(), b.MaxDeliveries
		}
	case framing.Ranges:
		fields["missing"] = rangesJSON(b)
	case framing.Fragment:
		fields["total"], fields["position"], fields["piece"] = b.Total, b.Position, hex.EncodeToString(b.Piece)
	case framing.Parity:
		fields["first"], fields["data"], fields["redundant"] = decimal(b.First), b.Data, b.Redundant
		fields["index"], fields["shard"] = b.Index, hex.EncodeToString(b.Shard)
	case framing.Receipt:
		fields["epoch"], fields["from"], fields["to"] = decimal(b.Epoch), decimal(b.From), decimal(b.To)
		fields["replayed"], fields["expired"] = decimal(b.Replayed), rangesJSON(b.Expired)
	default:
		t.Fatalf("no body type %T", body)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func rangesJSON(r framing.Ranges) [][2]string {
	pairs := [][2]string{}
	for from, to := range r.All() {
		pairs = append(pairs, [2]string{decimal(from), decimal(to)})
	}
	return pairs
}

func decimal(n uint64) string { return fmt.Sprint(n) }

func kindNamed(t testing.TB, name string) framing.Kind {
	t.Helper()
	for k := framing.KindHello; k <= framing.MaxKind; k++ {
		if k.String() == name {
			return k
		}
	}
	t.Fatalf("no kind %q", name)
	return 0
}

// TestBodiesCut cuts every valid body at every byte: what has fields of known
// length must refuse it, and what ends in free bytes must not read past it.
func TestBodiesCut(t *testing.T) {
	smallest := map[framing.Kind]int{framing.KindFragment: 9, framing.KindParity: 11}
	for _, v := range readVectors(t).Frames {
		kind := framing.Kind(v.Frame.KindCode)
		if !slices.Contains(structured, kind) {
			continue
		}
		whole := unhex(t, v.Frame.Payload)
		for cut := range len(whole) {
			_, err := parseBody(kind, slices.Clip(whole[:cut]))
			ok := false
			switch kind {
			case framing.KindNack:
				ok = cut%16 == 0
			case framing.KindReceipt:
				ok = cut >= 32 && cut%16 == 0
			case framing.KindSubscribe:
				ok = cut == 16 // the shorter form
			case framing.KindFragment, framing.KindParity:
				ok = cut >= smallest[kind]
			}
			if ok != (err == nil) || !ok && !errors.Is(err, framing.ErrInvalid) {
				t.Errorf("%s: body cut at %d of %d bytes = %v, valid should be %t", v.Name, cut, len(whole), err, ok)
			}
		}
	}
}

func TestHelloOverLimits(t *testing.T) {
	long := func(n int) []byte { return []byte(strings.Repeat("x", n)) }
	for name, h := range map[string]framing.Hello{
		"name":  {Name: long(framing.MaxName + 1)},
		"token": {Token: long(1 << 16)},
	} {
		b, err := h.Append([]byte("kept"))
		if !errors.Is(err, framing.ErrInvalid) || string(b) != "kept" {
			t.Errorf("%s: Append = %q, %v, want %q, ErrInvalid", name, b, err, "kept")
		}
	}
	h := framing.Hello{Name: long(framing.MaxName), Token: long(1<<16 - 1)}
	if _, err := h.Append(nil); err != nil {
		t.Errorf("Append at the limits = %v", err)
	}
}

func TestReply(t *testing.T) {
	want := framing.Reply{Origin: 1 << 60, Sequence: 7, Payload: []byte("yes")}
	b := want.Append(nil)
	if got, err := framing.ParseReply(b); err != nil || !cmp.Equal(got, want) {
		t.Errorf("ParseReply(%x) = %+v, %v, want %+v", b, got, err, want)
	}
	for cut := range 16 {
		if got, err := framing.ParseReply(b[:cut]); !errors.Is(err, framing.ErrInvalid) {
			t.Errorf("ParseReply of %d bytes = %+v, %v, want ErrInvalid", cut, got, err)
		}
	}
}

func TestRedeliverIsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		1:                         time.Millisecond,
		time.Second:               time.Second,
		-time.Second:              0,
		1 << 62:                   (1<<32 - 1) * time.Millisecond,
		1500*time.Microsecond + 1: 2 * time.Millisecond,
	} {
		s := framing.Subscribe{Window: 1, Redeliver: d}
		got, err := framing.ParseSubscribe(s.Append(nil))
		if err != nil || got.Redeliver != want {
			t.Errorf("Redeliver of %v is encoded as %v, %v, want %v", d, got.Redeliver, err, want)
		}
	}
}

func TestRanges(t *testing.T) {
	const top = 1<<64 - 1
	for name, test := range map[string]struct {
		ranges [][2]uint64
		valid  bool
		total  uint64
	}{
		"none":        {nil, true, 0},
		"one":         {[][2]uint64{{3, 7}}, true, 4},
		"two":         {[][2]uint64{{1, 2}, {5, 9}}, true, 5},
		"adjoining":   {[][2]uint64{{1, 2}, {2, 3}}, true, 2},
		"everything":  {[][2]uint64{{0, top}}, true, top},
		"empty":       {[][2]uint64{{4, 4}}, false, 0},
		"backwards":   {[][2]uint64{{5, 4}}, false, 0},
		"descending":  {[][2]uint64{{5, 9}, {1, 2}}, false, 5},
		"overlapping": {[][2]uint64{{1, 5}, {4, 6}}, false, 6},
	} {
		t.Run(name, func(t *testing.T) {
			var r framing.Ranges
			for _, p := range test.ranges {
				r = r.Append(p[0], p[1])
			}
			if _, err := framing.ParseRanges(r); (err == nil) != test.valid {
				t.Errorf("ParseRanges = %v, valid should be %t", err, test.valid)
			}
			if r.Len() != len(test.ranges) || r.Total() != test.total {
				t.Errorf("Len, Total = %d, %d, want %d, %d", r.Len(), r.Total(), len(test.ranges), test.total)
			}
			for range r.All() {
				break // stopping early must be possible
			}
		})
	}
}
