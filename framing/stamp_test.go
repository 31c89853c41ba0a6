package framing_test

import (
	"bytes"
	"errors"
	"testing"

	"rawlab/framing"
)

func TestStampEncodesWhatAppendDoes(t *testing.T) {
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: 7, Topic: []byte("news")}
	stamp, err := framing.NewStamp(&f)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []byte
	for i := range 300 {
		f.Sequence, f.Time, f.Payload = uint64(i), uint64(1000*i), bytes.Repeat([]byte{byte(i)}, i)
		if want, err = f.Append(want); err != nil {
			t.Fatal(err)
		}
		if got, err = stamp.Append(got, f.Sequence, f.Time, f.Payload); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("frame %d = %x, %v, want %x", i, got[len(got)-f.Size():], err, want[len(want)-f.Size():])
		}
		if stamp.Size(f.Payload) != f.Size() {
			t.Fatalf("Size() = %d, want %d", stamp.Size(f.Payload), f.Size())
		}
	}
}

func TestStampRefusesWhatItCannot(t *testing.T) {
	for name, f := range map[string]framing.Frame{
		"offset":     {Kind: framing.KindEvent, Flags: framing.FlagOffset},
		"checksum":   {Kind: framing.KindEmit, Flags: framing.FlagCRC},
		"kind":       {Kind: 30},
		"long topic": {Kind: framing.KindEmit, Topic: make([]byte, framing.MaxTopic+1)},
	} {
		if _, err := framing.NewStamp(&f); !errors.Is(err, framing.ErrInvalid) {
			t.Errorf("%s: NewStamp() = %v, want ErrInvalid", name, err)
		}
	}
}
