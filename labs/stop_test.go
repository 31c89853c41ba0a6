package labs_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"rawlab/labs"
)

// TestStopped ends every lab as soon as it says that it has begun: what was
// emitted is accounted for, or there was nothing left to stop.
func TestStopped(t *testing.T) {
	for _, l := range labs.Catalog {
		t.Run(l.Name, func(t *testing.T) {
			o := l.Defaults
			o.Backend = labs.BackendVirtual
			stop := make(chan struct{})
			close(stop)
			o.Stop = stop
			out, err := l.Run(t.Context(), &o)
			if err != nil {
				t.Fatal(err)
			}
			for i := range out.Result.Runs {
				if u := &out.Result.Runs[i]; !u.Balances() {
					t.Errorf("%s: %d emitted, %d delivered, %v", u.Name(), u.Emitted, u.Delivered, u.Fates)
				}
			}
		})
	}
}

// TestStoppedInTheMiddle stops TCP on its way, before UDP has begun.
func TestStoppedInTheMiddle(t *testing.T) {
	o := labs.Loss.Defaults
	o.Backend, o.Events = labs.BackendVirtual, 5_000
	stop := make(chan struct{})
	o.Stop = stop
	o.Progress = func(p labs.Progress) {
		if p.Done > 500 && stop != nil {
			close(stop)
			stop = nil
		}
		if p.Stages != 2 {
			t.Errorf("%+v: want 2 stages", p)
		}
	}
	out, err := labs.Loss.Run(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	r := out.Result
	if !r.Interrupted || r.Reproducible || len(r.Runs) != 1 || !r.Runs[0].Balances() {
		t.Fatalf("interrupted %t, reproducible %t, runs %+v", r.Interrupted, r.Reproducible, r.Runs)
	}
	if u := r.Runs[0]; u.Emitted < 500 || u.Emitted == 5_000 || u.Delivered != u.Emitted {
		t.Errorf("%d emitted, %d delivered", u.Emitted, u.Delivered)
	}
	if !r.Held() || !strings.HasPrefix(r.Story[0], "INTERRUPTED: tcp after ") {
		t.Errorf("checks %+v, story %q", r.Checks, r.Story)
	}
}

// TestStopIsNotCancel: a context that ends leaves nothing to tell.
func TestStopIsNotCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := labs.Loss.Defaults
	o.Backend = labs.BackendVirtual
	if out, err := labs.Loss.Run(ctx, &o); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, %v, want context.Canceled", out, err)
	}
}
