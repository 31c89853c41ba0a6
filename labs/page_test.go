package labs_test

import (
	"bytes"
	"html"
	"strings"
	"testing"

	"rawlab/labs"
	"rawlab/labs/page"
)

// maxPage is what a page may have, in bytes, whatever the lab.
const maxPage = 2_000_000

// fitsAPage writes the page of a result, which must hold what was asked and
// what each check says, and not be too large to be sent on.
func fitsAPage(t *testing.T, out *labs.Outcome) {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, out.Result, out.Evidence); err != nil {
		t.Fatalf("%s: %v", out.Result.Lab, err)
	}
	if b.Len() > maxPage {
		t.Errorf("%s: a page of %d bytes, want at most %d", out.Result.Lab, b.Len(), maxPage)
	}
	text := html.UnescapeString(b.String())
	for _, c := range out.Result.Checks {
		if !strings.Contains(text, c.Claim) {
			t.Errorf("%s: the page lacks the check %q", out.Result.Lab, c.Claim)
		}
	}
	if !strings.Contains(text, out.Result.Question) {
		t.Errorf("%s: the page lacks the question", out.Result.Lab)
	}
}
