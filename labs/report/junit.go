package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
)

// Suite is what a JUnit report says of one lab.
type Suite struct {
	Name    string
	Seconds float64 // that it took
	Result  *Result // nil if there is none
	Err     error   // why there is none
	Skipped bool    // it was never begun
}

// Held reports whether the lab has run, and everything held.
func (s *Suite) Held() bool { return s.Err == nil && s.Result != nil && s.Result.Held() }

// WriteJUnit writes an XML report as JUnit's consumers read it: a test suite
// for each lab, with a test case for having run and one for each check and
// each demand. JUnit has no standard of its own; the elements are those that
// Jenkins, GitLab and GitHub's reporters share.
func WriteJUnit(w io.Writer, suites []Suite) error {
	doc := junitSuites{Name: "rawlab"}
	seconds := 0.0
	for i := range suites {
		s := suites[i].junit()
		doc.Suites = append(doc.Suites, s)
		doc.Tests, doc.Failures, doc.Errors, doc.Skipped = doc.Tests+s.Tests, doc.Failures+s.Failures, doc.Errors+s.Errors, doc.Skipped+s.Skipped
		seconds += suites[i].Seconds
	}
	doc.Time = junitTime(seconds)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Suites []junitSuite `xml:"testsuite"`
}

type junitCounts struct {
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
	Time     string `xml:"time,attr"`
}

type junitSuite struct {
	Name string `xml:"name,attr"`
	junitCounts
	Properties *junitProperties `xml:"properties"`
	Cases      []junitCase      `xml:"testcase"`
}

type junitProperties struct {
	List []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr,omitempty"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
}

func junitTime(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 3, 64) }

func (s *Suite) junit() junitSuite {
	class := "rawlab." + s.Name
	j := junitSuite{Name: s.Name, junitCounts: junitCounts{Time: junitTime(s.Seconds)}}
	ran := junitCase{Class: class, Name: "lab " + s.Name + " runs", Time: j.Time}
	switch {
	case s.Skipped:
		ran.Skipped = &junitMessage{Message: "not begun"}
	case s.Err != nil:
		ran.Error = &junitMessage{Message: s.Err.Error(), Type: "error"}
	}
	j.add(ran)
	if r := s.Result; r != nil {
		j.Properties = &junitProperties{[]junitProperty{{"seed", fmt.Sprint(r.Seed)}, {"backend", r.Backend}, {"reproducible", strconv.FormatBool(r.Reproducible)}}}
		j.addChecks(class, "check", r.Checks)
		j.addChecks(class, "demand", r.Demands)
	}
	return j
}

func (j *junitSuite) addChecks(class, kind string, checks []Check) {
	for _, c := range checks {
		test := junitCase{Class: class, Name: c.Claim, Out: c.Measured}
		if !c.Held {
			test.Failure = &junitMessage{Message: c.Measured, Type: kind}
		}
		j.add(test)
	}
}

func (j *junitSuite) add(c junitCase) {
	j.Cases = append(j.Cases, c)
	j.Tests++
	switch {
	case c.Failure != nil:
		j.Failures++
	case c.Error != nil:
		j.Errors++
	case c.Skipped != nil:
		j.Skipped++
	}
}
