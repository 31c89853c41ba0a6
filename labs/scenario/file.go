package scenario

// File is a lab as its author wrote it.
type File struct {
	Name string // of the lab
	From string // the lab of the catalogue that it starts from; empty: Runs say what it does

	Question, Varies, Held, Expect string // empty: those of the lab that it starts from

	Backend string   // auto, kernel or virtual; empty: auto
	Options []Option // of all runs
	Topics  []Topic  // of the traffic of all runs; none: one, without a name
	Runs    []Run
	Predict *Predict // nil: that of the lab that it starts from, if it does
	Checks  []Check
	FailOn  []Demand
	Text    []Text // what happened and why, a paragraph each
	Next    []string
	Reading []string

	at    Place
	names names
}

// Option is one option of the command line, with its values as text.
type Option struct {
	Name   string   // without dashes
	Values []string // one, or several if it may be given again
	At     Place
}

// Run is one run of a lab.
type Run struct {
	Transport string   // tcp or udp
	Name      string   // what sets it apart from others of its transport and rung
	Options   []Option // of this run alone
	Topics    []Topic  // of this run, in place of those of all
	At        Place

	rung string // of UDP, as the file says; empty over TCP, and without one
}

// names are what expressions may be about.
type names struct {
	runs  []string // by selector; nil if another lab has them
	parts []string // topics of those, and their subscribers
}

// selector is what means the run in expressions.
func (r *Run) selector() string { return selector(r.Transport, r.rung, r.Name) }

// Predict is what a lab asks of its reader before it runs.
type Predict struct {
	Ask    string
	Unit   string
	Answer *Value
}

// Check is one claim.
type Check struct {
	Claim string // empty: the comparison itself
	That  *Comparison
}

// Bounds of a file. They are far beyond what a lab for people needs.
const (
	MaxBytes  = 256 << 10
	maxRuns   = 16
	maxChecks = 100
	maxLines  = 100 // of text, of what to try and of what to read
	maxName   = 40
	maxChars  = 4000 // of one value
)
