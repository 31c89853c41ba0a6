package filter_test

import (
	"math/rand/v2"
	"testing"

	"rawlab/capture/pcapng"
)

// TestRandomAgainstTcpdump joins expressions at random.
func TestRandomAgainstTcpdump(t *testing.T) {
	tcpdump := tool(t, "tcpdump")
	random := rand.New(rand.NewPCG(1, 0))
	known := expressions()
	exprs := make([]string, 60)
	for i := range exprs {
		exprs[i] = randomExpression(random, known, 3)
	}
	compareAll(t, exprs, compileAll(tcpdump, exprs, pcapng.LinkEthernet, "-O"), sample(), pcapng.LinkEthernet)
}

func randomExpression(r *rand.Rand, known []string, depth int) string {
	if depth == 0 || r.IntN(5) == 0 {
		return known[1+r.IntN(len(known)-1)]
	}
	a := randomExpression(r, known, depth-1)
	switch r.IntN(5) {
	case 0:
		return "not (" + a + ")"
	case 1:
		return "(" + a + ") or (" + randomExpression(r, known, depth-1) + ")"
	case 2:
		return "(" + a + ") and (" + randomExpression(r, known, depth-1) + ")"
	case 3:
		return a + " or " + randomExpression(r, known, depth-1)
	}
	return a + " and " + randomExpression(r, known, depth-1)
}
