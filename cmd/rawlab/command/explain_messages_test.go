package command_test

import (
	"strings"
	"testing"
)

// TestExplainMessages: of a message over two segments each tells its part,
// and of one that goes on behind the packets that are shown, where it ends.
func TestExplainMessages(t *testing.T) {
	s := newStaged(t, "lo")
	request := "GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n"
	s.add(0, 0, "", upTCP(t, 0, nil))
	s.add(0, 0, "", upTCP(t, 1, []byte(request[:20])))
	s.add(0, 0, "", upTCP(t, 21, []byte(request[20:])))
	code, stdout, stderr := runExplain(t, s.bytes(), "-", "--limit", "2")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	told := strings.Join(strings.Fields(stdout), " ") // it is broken into lines
	for _, want := range []string{"HTTP request (20 bytes)", "GET /a HTTP/1.1", "bytes 0 to 19 of", "completes it"} {
		if !strings.Contains(told, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
}
