package framing_test

import (
	"testing"

	"rawlab/framing"
)

func TestSequence(t *testing.T) {
	tests := []struct {
		stream   uint16
		number   uint64
		sequence uint64
	}{
		{0, 1, 1},
		{1, 1, 1<<48 | 1},
		{framing.Streams - 1, framing.MaxNumber, 1<<64 - 1},
	}
	for _, test := range tests {
		if got := framing.Sequence(test.stream, test.number); got != test.sequence {
			t.Errorf("Sequence(%d, %d) = %#x, want %#x", test.stream, test.number, got, test.sequence)
		}
		stream, number := framing.SplitSequence(test.sequence)
		if stream != test.stream || number != test.number {
			t.Errorf("SplitSequence(%#x) = %d, %d, want %d, %d", test.sequence, stream, number, test.stream, test.number)
		}
	}
}
