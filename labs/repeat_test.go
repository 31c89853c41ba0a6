package labs_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rawlab/labs"
	"rawlab/labs/host"
	"rawlab/udpq"
)

// repeatable returns a lab's options for many runs, on a wire that loses where
// the lab lets it.
func repeatable(l *labs.Lab) labs.Options {
	o := options(l, min(l.Defaults.Events, 120))
	o.Pace = 20_000
	if l == labs.Loss {
		o.Impairment.Loss, o.Impairment.Corrupt, o.Impairment.Jitter = 0.1, 0.02, time.Millisecond
	}
	return o
}

// TestHundredRunsLoseTheSame runs labs whose wire takes packets by a draw again
// and again, on hosts of either kind, and compares what was lost and what the
// result claims. For rungs see TestRungsAreHitAlike; in the others a queue or
// a buffer decides, ends go away, or nothing is lost.
func TestHundredRunsLoseTheSame(t *testing.T) {
	for _, backend := range []string{labs.BackendKernel, labs.BackendVirtual} {
		for l, runs := range map[*labs.Lab]int{labs.Loss: 100, labs.HeadOfLine: 20, labs.Corrupt: 20} {
			if testing.Short() {
				runs = 2
			}
			o := repeatable(l)
			o.Backend = backend
			t.Run(l.Name+" "+backend, func(t *testing.T) { loseTheSame(t, l, &o, runs) })
		}
	}
}

// TestRungsAreHitAlike: what the wire takes is the same events, whatever is
// done about it, on hosts of either kind, as long as each travels alone: a
// result says when they did not.
func TestRungsAreHitAlike(t *testing.T) {
	o := repeatable(labs.Loss)
	o.Pace, o.Transport = 500, "udp"
	o.Backend = labs.BackendVirtual
	want := udp(runVirtual(t, labs.Loss, o)).LostDigest
	for _, backend := range []string{labs.BackendVirtual, labs.BackendKernel} {
		onRungs(t, func(t *testing.T, r udpq.Reliability) {
			if backend == labs.BackendKernel && !host.Isolated() {
				t.Skip("no right to private namespaces") // IsolateTests fails where they are required
			}
			o := o
			o.Backend, o.Reliability = backend, r
			for try := 1; ; try++ {
				out, err := labs.Loss.Run(t.Context(), &o)
				if err != nil {
					t.Fatal(err)
				}
				u := udp(out)
				if !u.Balances() || u.LostCarriers == 0 {
					t.Errorf("%s hosts: run %+v", backend, *u)
				}
				if out.Result.Reproducible {
					if u.LostDigest != want {
						t.Errorf("%s hosts: hit %s, want %s as without a rung", backend, u.LostDigest, want)
					}
					return
				}
				if backend == labs.BackendVirtual || try == 5 {
					t.Fatalf("%s hosts: not reproducible: %v", backend, out.Result.Reasons)
				}
			}
		})
	}
}

func loseTheSame(t *testing.T, l *labs.Lab, o *labs.Options, runs int) {
	backend := o.Backend
	atOnce := 1 // virtual hosts have the process to themselves
	if backend == labs.BackendKernel {
		if !host.Isolated() {
			t.Skip("no right to private namespaces") // IsolateTests fails where they are required
		}
		atOnce = 8 // they mostly wait
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	left, want := runs, ""
	for range atOnce {
		wg.Go(func() {
			for {
				mu.Lock()
				left--
				over := left < 0 || t.Failed()
				mu.Unlock()
				if over {
					return
				}
				got := lostBy(t, l, *o)
				mu.Lock()
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("lost\n%s\nbefore\n%s", got, want)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// lostBy runs a lab and returns what each of its runs lost, by digest.
func lostBy(t *testing.T, l *labs.Lab, o labs.Options) string {
	out, err := l.Run(t.Context(), &o)
	if err != nil {
		t.Error(err)
		return ""
	}
	if !out.Result.Reproducible {
		t.Errorf("not reproducible: %v", out.Result.Reasons)
	}
	var digests strings.Builder
	for i := range out.Result.Runs {
		u := &out.Result.Runs[i]
		fmt.Fprintf(&digests, "%s %s %s\n", u.Transport, u.Variant, u.LostDigest)
		if !u.Balances() {
			t.Errorf("%s %s does not balance: %+v", u.Transport, u.Variant, *u)
		}
	}
	return digests.String()
}
