package spelling_test

import (
	"testing"

	"rawlab/internal/spelling"
)

func TestNearest(t *testing.T) {
	known := []string{"loss", "delay", "reorder", "p99", "p999"}
	for word, want := range map[string]string{
		"los": "loss", "dely": "delay", "order": "reorder", "p99": "p99", "p9999": "p999", "": "p99",
	} {
		if got := spelling.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := spelling.Nearest("loss", nil); got != "" {
		t.Errorf("Nearest of nothing = %q", got)
	}
}
