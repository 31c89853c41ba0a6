package account_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rawlab/capture/account"
)

func deliveries(origin uint64, sequences ...uint64) []account.Delivery {
	var l []account.Delivery
	for _, s := range sequences {
		l = append(l, account.Delivery{ID: account.ID{Origin: origin, Sequence: s}})
	}
	return l
}

func TestMeasureReordering(t *testing.T) {
	for name, c := range map[string]struct {
		in   []account.Delivery
		want account.Reordered
	}{
		"none":        {nil, account.Reordered{}},
		"in order":    {deliveries(1, 5, 6, 9, 10), account.Reordered{Received: 4}},
		"one late":    {deliveries(1, 1, 2, 3, 5, 4, 6), account.Reordered{Received: 6, Events: 1, Extents: []int{1}, NReordered: []int{1}}},
		"two late":    {deliveries(1, 1, 2, 3, 4, 7, 8, 5, 6, 9), account.Reordered{Received: 9, Events: 2, Extents: []int{2, 3}, NReordered: []int{1, 1}}},
		"three late":  {deliveries(1, 2, 3, 4, 1), account.Reordered{Received: 4, Events: 1, Extents: []int{3}, NReordered: []int{1, 1, 1}}},
		"duplicates":  {deliveries(1, 1, 2, 1, 3, 2), account.Reordered{Received: 3}},
		"two origins": {append(deliveries(1, 7, 8), deliveries(2, 1, 2)...), account.Reordered{Received: 4}},
	} {
		if d := cmp.Diff(c.want, account.MeasureReordering(c.in)); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

// TestReorderingIsAsDefined holds the measure against RFC 4737's definitions
// as they are written, however slow.
func TestReorderingIsAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 50), 0, 40, rapid.ID).Draw(t, "sequences")
		want := account.Reordered{Received: len(s)}
		for i := range s {
			for j := range i {
				if s[j] > s[i] { // the first of those before
					want.Events++
					want.Extents = append(want.Extents, i-j)
					break
				}
			}
			for n := 1; n <= i && s[i-n] > s[i]; n++ {
				for len(want.NReordered) < n {
					want.NReordered = append(want.NReordered, 0)
				}
				want.NReordered[n-1]++
			}
		}
		if d := cmp.Diff(want, account.MeasureReordering(deliveries(1, s...))); d != "" {
			t.Fatalf("%v: -want +got\n%s", s, d)
		}
	})
}
