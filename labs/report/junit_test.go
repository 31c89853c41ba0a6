package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rawlab/labs/report"
)

func TestWriteJUnit(t *testing.T) {
	held := &report.Result{Seed: 7, Backend: "virtual", Reproducible: true,
		Checks:  []report.Check{{Claim: "TCP delivers <all> & \"more\"", Measured: "20 of 20", Held: true}},
		Demands: []report.Check{{Claim: "not udp.lost > 1%", Measured: "3, 15 %"}},
	}
	suites := []report.Suite{
		{Name: "loss", Seconds: 1.5, Result: held},
		{Name: "layers", Seconds: 0.25, Err: errors.New("no\x00 wire")},
		{Name: "bursts", Skipped: true},
	}
	var b bytes.Buffer
	if err := report.WriteJUnit(&b, suites); err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="rawlab" tests="5" failures="1" errors="1" skipped="1" time="1.750">
  <testsuite name="loss" tests="3" failures="1" errors="0" skipped="0" time="1.500">
    <properties>
      <property name="seed" value="7"></property>
      <property name="backend" value="virtual"></property>
      <property name="reproducible" value="true"></property>
    </properties>
    <testcase classname="rawlab.loss" name="lab loss runs" time="1.500"></testcase>
    <testcase classname="rawlab.loss" name="TCP delivers &lt;all&gt; &amp; &#34;more&#34;">
      <system-out>20 of 20</system-out>
    </testcase>
    <testcase classname="rawlab.loss" name="not udp.lost &gt; 1%">
      <failure message="3, 15 %" type="demand"></failure>
      <system-out>3, 15 %</system-out>
    </testcase>
  </testsuite>
  <testsuite name="layers" tests="1" failures="0" errors="1" skipped="0" time="0.250">
    <testcase classname="rawlab.layers" name="lab layers runs" time="0.250">
      <error message="no� wire" type="error"></error>
    </testcase>
  </testsuite>
  <testsuite name="bursts" tests="1" failures="0" errors="0" skipped="1" time="0.000">
    <testcase classname="rawlab.bursts" name="lab bursts runs" time="0.000">
      <skipped message="not begun"></skipped>
    </testcase>
  </testsuite>
</testsuites>
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("want, got:\n%s", d)
	}
	if err := xml.Unmarshal(b.Bytes(), new(struct{})); err != nil {
		t.Errorf("the report cannot be read: %v", err)
	}
	for i, want := range []bool{false, false, false} {
		if got := suites[i].Held(); got != want {
			t.Errorf("%s held: %t", suites[i].Name, got)
		}
	}
	if held.Demands = nil; !suites[0].Held() {
		t.Error("a lab whose checks all hold does not hold")
	}
}
