package command_test

import (
	"strings"
	"testing"
	"unicode"

	"rawlab/cmd/rawlab/command"
)

const (
	tcpInfoHeader = "time,transport,variant,host,local,remote,state,cwnd,ssthresh,rtt_us,rttvar_us,unacknowledged,lost,retransmits\n"
	tcpInfoLine   = "1700000000.123456,tcp,,client,10.77.0.1:40000,10.77.0.2:9700,established,10,,20123.5,12,0,1,2\n"
)

// TestTCPInfoRefuses: what no lab writes is refused, by its line.
func TestTCPInfoRefuses(t *testing.T) {
	for was, is := range map[string]string{
		"1700000000.123456": "1700000000.12345x", "10.77.0.1:40000": "client", "10.77.0.2:9700": "[fe80::1%x]:9700", ",10,,": ",\x1b[2J,,", ",20123.5,": ",NaN,", ",12,": ",-1,", ",1,2\n": ",1,many\n",
	} {
		words, err := command.ParseTCPInfo(strings.NewReader(tcpInfoHeader + tcpInfoLine + strings.Replace(tcpInfoLine, was, is, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), "line 3: ") || len(words) != 0 {
			t.Errorf("%q for %q: %q, %v, want an error of line 3", is, was, words, err)
		}
	}
	for text, want := range map[string]string{"": "the file is empty", "time,host\n": `no column "local"`} {
		if _, err := command.ParseTCPInfo(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzTCPInfo: whatever stands in the file beside a capture, there are no more
// samples than lines, and none of them can do anything to a terminal.
func FuzzTCPInfo(f *testing.F) {
	f.Add(tcpInfoHeader + tcpInfoLine)
	f.Add(tcpInfoHeader + strings.Replace(tcpInfoLine, "client", "\x1b]0;x\a", 1))
	f.Add(tcpInfoHeader + strings.Replace(tcpInfoLine, "20123.5", "1e300", 1))
	f.Add("time,time,host,local,remote,cwnd,ssthresh,rtt_us,rttvar_us,lost,retransmits\n\"1\n2\",,,,,,,,,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		words, err := command.ParseTCPInfo(strings.NewReader(text))
		if err != nil && len(words) > 0 {
			t.Errorf("%v, and %d samples", err, len(words))
		}
		if lines := strings.Count(text, "\n") + 1; len(words) >= lines {
			t.Errorf("%d samples in %d lines", len(words), lines)
		}
		for _, w := range words {
			if strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("printed as it is: %q", w)
			}
		}
	})
}
