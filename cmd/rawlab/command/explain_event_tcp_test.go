package command_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tcpSummary is what 'explain --event --json' tells of TCP.
type tcpSummary struct {
	Kind     string
	Segments int
	Lost     *int
	LostAs   []int `json:"lost_packets"`
	Again    []struct {
		Packet  int
		Reason  string
		AfterUS float64 `json:"after_us"`
	} `json:"sent_again"`
	Complete *struct {
		Time     string
		WaitedUS float64 `json:"waited_us"`
	}
}

// TestExplainEventTCP: an event's TCP is summed up, the lost segment and the
// one behind it that had to wait; of one tap, what it cannot know is left out.
func TestExplainEventTCP(t *testing.T) {
	for event, c := range map[string]struct {
		file []byte
		want string
	}{
		"7:2": {lossyCapture(t), `{"Kind":"emit","Segments":2,"Lost":1,"lost_packets":[9],"sent_again":[{"Packet":22,"Reason":"fast","after_us":13000}],
			"Complete":{"Time":"2030-01-02T03:04:05.023Z","waited_us":0}}`},
		"7:3": {lossyCapture(t), `{"Kind":"emit","Segments":1,"Lost":0,"lost_packets":[],"sent_again":[],"Complete":{"Time":"2030-01-02T03:04:05.011Z","waited_us":12000}}`},
		"7:1": {tcpCapture(t), `{"Kind":"emit","Segments":3,"Lost":null,"lost_packets":[],"sent_again":[{"Packet":4,"Reason":"unknown","after_us":1000}],"Complete":null}`},
	} {
		code, stdout, stderr := runExplain(t, c.file, "-", "--event", event, "--json")
		var got struct{ Shown []struct{ TCP []tcpSummary } }
		if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil || len(got.Shown) != 1 {
			t.Fatalf("%s: exit %d, %v, stderr %q:\n%s", event, code, err, stderr, stdout)
		}
		var want tcpSummary
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]tcpSummary{want}, got.Shown[0].TCP); d != "" {
			t.Errorf("%s (-want +got):\n%s", event, d)
		}
	}
	var udp struct{ Shown []struct{ TCP []tcpSummary } }
	_, stdout, _ := runExplain(t, udpCapture(t), "-", "--event", "7:2", "--json")
	if err := json.Unmarshal([]byte(stdout), &udp); err != nil || len(udp.Shown) != 1 || udp.Shown[0].TCP != nil {
		t.Errorf("over UDP: %v, %+v", err, udp)
	}
}
