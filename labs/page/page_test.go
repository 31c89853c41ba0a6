package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/labs/page"
)

// hostile would run a script wherever it reached the page as markup.
const hostile = `</script><script>document.title="owned"</script><img src=x onerror=alert(1)>`

func write(t *testing.T, events int, topic string) string {
	t.Helper()
	r, evidence := lossy(events, topic)
	var b bytes.Buffer
	if err := page.Write(&b, r, evidence); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHostileTopicIsText(t *testing.T) {
	text := write(t, 20, hostile)
	if n := strings.Count(text, "<script"); n != 2 {
		t.Errorf("the page has %d script elements, want its data and its script", n)
	}
	if strings.Contains(text, "<img") {
		t.Error("the topic is markup in the page")
	}
	if !strings.Contains(text, html.EscapeString("it is </script>")[:9]) || !strings.Contains(dataOf(t, text), `\u003c/script\u003e`) {
		t.Error("the page lacks the topic as text or as data")
	}
}

// TestPolicyNamesTheScript: a byte more or less, and no browser runs it.
func TestPolicyNamesTheScript(t *testing.T) {
	text := write(t, 20, "t")
	policy := html.UnescapeString(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)[1])
	for directive, pattern := range map[string]string{"script-src": `(?s)<script>(.*?)</script>`, "style-src": `(?s)<style>(.*?)</style>`} {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("the page has nothing for %s", directive)
		}
		sum := sha256.Sum256([]byte(found[1]))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q does not forbid everything else", policy)
	}
	if at := regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//`).FindString(text); at != "" {
		t.Errorf("the page refers to another place: %s", at)
	}
}

func TestSameResultSameBytes(t *testing.T) {
	if a, b := write(t, 300, "t"), write(t, 300, "t"); a != b {
		t.Error("two pages of the same result differ")
	}
}

func dataOf(t *testing.T, text string) string {
	t.Helper()
	found := regexp.MustCompile(`(?s)id="data">(.*?)</script>`).FindStringSubmatch(text)
	if found == nil {
		t.Fatal("the page has no data")
	}
	return found[1]
}

// table is one of the data's, with its columns read.
type table map[string][]int64

func unpack(t *testing.T, raw json.RawMessage) []int64 {
	t.Helper()
	var items []any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&items); err != nil {
		t.Fatal(err)
	}
	number := func(v any) int64 { n, _ := v.(json.Number).Int64(); return n }
	var out []int64
	differences, last := len(items) > 0 && items[0] == "+", int64(0)
	if differences {
		items = items[1:]
	}
	for _, item := range items {
		value, times := item, int64(1)
		if pair, ok := item.([]any); ok {
			value, times = pair[0], number(pair[1])
		}
		for range times {
			if last += number(value); !differences {
				last = number(value)
			}
			out = append(out, last)
		}
	}
	return out
}

func TestColumnsKeepTheirValues(t *testing.T) {
	for name, values := range map[string][]int64{
		"none": nil, "one": {-7}, "equal": {5, 5, 5, 5, 5, 5}, "few equal": {5, 5, 5, 1}, "rising": {1, 2, 3, 4, 5, 9}, "mixed": {0, 0, 0, 0, -1, 3, 3, 3, 3, 3, 1 << 52},
	} {
		plain, err := json.Marshal(page.Column(values))
		differences, err2 := json.Marshal(page.Delta(values))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if got := unpack(t, plain); cmp.Diff(values, got) != "" {
			t.Errorf("%s: column %s reads %v", name, plain, got)
		}
		if got := unpack(t, differences); cmp.Diff(values, got) != "" {
			t.Errorf("%s: differences %s read %v", name, differences, got)
		}
	}
}
