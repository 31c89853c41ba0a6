package udpq_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/udpq"
)

func TestCouple(t *testing.T) {
	same := func(n, size int) []int {
		sizes := make([]int, n)
		for i := range sizes {
			sizes[i] = size
		}
		return sizes
	}
	for name, test := range map[string]struct{ sizes, want []int }{
		"none":                {nil, nil},
		"one":                 {same(1, 100), []int{1}},
		"alike":               {same(5, 100), []int{5}},
		"last is shorter":     {append(same(3, 100), 40), []int{4}},
		"shorter ends it":     {append(append(same(3, 100), 40), same(2, 40)...), []int{4, 2}},
		"longer begins anew":  {[]int{100, 100, 101, 101}, []int{2, 2}},
		"at most 64":          {same(130, 10), []int{64, 64, 2}},
		"at most a datagram":  {same(10, 10_000), []int{6, 4}},
		"as long as may be":   {same(2, udpq.MaxDatagram), []int{1, 1}},
		"all sizes different": {[]int{1, 2, 3}, []int{1, 1, 1}},
	} {
		var got []int
		for rest := test.sizes; len(rest) > 0; {
			count, bytes := udpq.Couple(rest)
			for _, size := range rest[:count] {
				bytes -= size
			}
			if count == 0 || bytes != 0 {
				t.Fatalf("%s: Couple(%v) = %d datagrams, bytes off by %d", name, rest, count, bytes)
			}
			got, rest = append(got, count), rest[count:]
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: trains of %v (-want +got):\n%s", name, test.sizes, diff)
		}
	}
}

func TestUncouple(t *testing.T) {
	for _, test := range []struct {
		train string
		size  int
		want  []string
	}{
		{"abcdef", 0, []string{"abcdef"}},
		{"", 0, []string{""}},
		{"abcdef", 6, []string{"abcdef"}},
		{"abcdef", 9, []string{"abcdef"}},
		{"abcdef", 2, []string{"ab", "cd", "ef"}},
		{"abcdefg", 3, []string{"abc", "def", "g"}},
	} {
		if diff := cmp.Diff(test.want, udpq.Uncouple(test.train, test.size)); diff != "" {
			t.Errorf("Uncouple(%q, %d) (-want +got):\n%s", test.train, test.size, diff)
		}
	}
}

func TestCountIn(t *testing.T) {
	sizes := []int{3, 3, 1, 5}
	for bytes, want := range map[int]int{0: 0, 3: 1, 6: 2, 7: 3, 12: 4} {
		if got := udpq.CountIn(sizes, bytes); got != want {
			t.Errorf("CountIn(%v, %d) = %d, want %d", sizes, bytes, got, want)
		}
	}
}
