package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/capture"
	"rawlab/capture/account"
	"rawlab/labs/report"
)

// accounting follows an emitter's logged events past the taps of a capture.
type accounting struct {
	log      string
	observer account.Observer
	emitted  []account.Emission
	source   capture.Source
	places   []*account.Place // by interface
	out      io.Writer
	json     bool
	asked    *askedSource // which asked the kernel why it drops packets; nil: nobody did
	cut      int          // packets that were captured in part
	missed   uint64

	unfinished bool // somebody still writes the log
}

// newAccounting begins. The log is read in the end: while a capture is live it
// may still be written.
func newAccounting(path string, source capture.Source, out io.Writer, asJSON bool) *accounting {
	return &accounting{log: path, source: source, out: out, json: asJSON}
}

// ask has the account take in what the kernel says.
func (a *accounting) ask(s *askedSource) {
	a.asked, a.observer.Asked = s, s.dropped
	a.open()
}

// Write takes a packet.
func (a *accounting) Write(p *capture.Packet) error {
	a.open()
	if p.Length > len(p.Data) {
		a.cut++
	}
	a.missed += p.Dropped
	a.places[p.Interface].Add(p.Time, p.Data)
	return nil
}

// Flush does nothing: what a place saw is known in the end.
func (a *accounting) Flush() error { return nil }

// open begins the places of interfaces that have come.
func (a *accounting) open() {
	for i, all := len(a.places), a.source.Interfaces(); i < len(all); i++ {
		name := all[i].Name
		if name == "" {
			name = fmt.Sprintf("interface %d", i)
		}
		a.places = append(a.places, a.observer.Place(name, all[i].LinkType))
	}
}

// accountJSON is an account for programs. Every emitted event is counted once
// in together, and once at each place.
type accountJSON struct {
	Emitted  int            `json:"emitted"`
	Refused  int            `json:"send_refused"`
	Together map[string]int `json:"together"`
	Places   []placeJSON    `json:"places"`
	Kernel   *askedJSON     `json:"kernel,omitempty"` // what it said itself, if it was asked
	Unknown  []string       `json:"unknown"`
}

type placeJSON struct {
	Name   string         `json:"name"`
	Events map[string]int `json:"events"`
	Never  string         `json:"never_seen,omitempty"` // which: origin-wise ranges of sequences
}

// print closes the account.
func (a *accounting) print() (err error) {
	a.open()
	if a.emitted, a.unfinished, err = readLog(a.log); err != nil {
		return err
	}
	var told *reasonsJSON
	if a.asked != nil {
		if told, err = a.asked.told(); err != nil {
			return err
		}
	}
	together := a.observer.Finish(a.emitted)
	j := accountJSON{Emitted: len(a.emitted), Together: bySight(together[:]), Unknown: []string{}, Places: []placeJSON{}}
	for _, e := range a.emitted {
		if e.Refused {
			j.Refused++
		}
	}
	j.Together[account.NeverSeen.String()] -= j.Refused // nobody could have seen those
	for _, p := range a.places {
		events := bySight(p.Counts[:])
		events[account.NeverSeen.String()] -= j.Refused
		j.Places = append(j.Places, placeJSON{p.Name, events, a.never(p)})
	}
	if told != nil {
		j.Kernel = a.askedOf(told)
	}
	j.Unknown = a.unknown(together[account.Whole], j.Together[account.NeverSeen.String()])
	if a.json {
		return json.NewEncoder(a.out).Encode(j)
	}
	return j.write(a.out)
}

func bySight(counts []int) map[string]int {
	m := map[string]int{}
	for s, n := range counts {
		m[account.Sight(s).String()] = n
	}
	return m
}

// never lists the events that a place never saw.
func (a *accounting) never(p *account.Place) string {
	var ids []account.ID
	for _, e := range a.emitted {
		if p.Of(e.ID) == account.NeverSeen && !e.Refused {
			ids = append(ids, e.ID)
		}
	}
	return ranges(ids)
}

// unknown says what cannot be known from here.
func (a *accounting) unknown(whole, never int) []string {
	say := []string{}
	if a.unfinished {
		say = append(say, "the log's last line is unfinished, for its emitter still writes: what it emits from there on is not in this account")
	}
	if never > 0 {
		say = append(say, "never seen: lost before they came here, or their way does not lead past here; from here nobody can say which")
	}
	say = append(say, a.between()...)
	if whole > 0 {
		say = append(say, a.whole())
	}
	if a.missed > 0 {
		say = append(say, fmt.Sprintf("the capture missed %s packets: events that were never seen may have been in them", report.Count(a.missed)))
	}
	for _, p := range a.places {
		if p.Excess > 0 {
			say = append(say, fmt.Sprintf("%s had too many events to note them all: some are told as never seen, or less than was", p.Name))
		}
	}
	if a.cut > 0 {
		say = append(say, fmt.Sprintf("%s packets were captured in part: events in the rest of them are told as incomplete, or not at all", report.Count(a.cut)))
	}
	return say
}

// maxPairs bounds the places that are compared with each other.
const maxPairs = 8

// between tells what one place saw and another did not.
func (a *accounting) between() (say []string) {
	places := a.places[:min(len(a.places), maxPairs)]
	for _, p := range places {
		for _, q := range places {
			n := 0
			for _, e := range a.emitted {
				if p.Of(e.ID) > account.Damaged && q.Of(e.ID) == account.NeverSeen {
					n++
				}
			}
			if n > 0 && n < len(a.emitted) {
				say = append(say, fmt.Sprintf("%s events seen whole at %s were never seen at %s: lost between the two, if their way leads past both", report.Count(n), p.Name, q.Name))
			}
		}
	}
	return say
}

// sightOrder is how sights stand in sum and table.
var sightOrder = []account.Sight{account.Forwarded, account.Whole, account.DroppedHere, account.Refused, account.Damaged, account.Incomplete, account.NeverSeen}

var sightWords = map[account.Sight]string{
	account.Forwarded: "forwarded by the server", account.Whole: "seen whole", account.Refused: "refused: no socket there (no-socket)",
	account.DroppedHere: "dropped by the kernel here", account.Damaged: "seen with a wrong checksum (checksum)", account.Incomplete: "seen in part (fragment-lost)", account.NeverSeen: "never seen",
}

func (j *accountJSON) write(w io.Writer) error {
	var sum []string
	if j.Refused > 0 {
		sum = append(sum, report.Count(j.Refused)+" not sent (send-refused)")
	}
	for _, s := range sightOrder {
		if n := j.Together[s.String()]; n > 0 {
			sum = append(sum, report.Count(n)+" "+sightWords[s])
		}
	}
	if len(sum) == 0 {
		sum = []string{"0"}
	}
	fmt.Fprintf(w, "%s emitted = %s\n", report.Count(j.Emitted), strings.Join(sum, " + "))
	header, align := []string{"place"}, tw.Alignment{tw.AlignLeft}
	for _, s := range sightOrder {
		if s != account.DroppedHere { // no single place says that
			header, align = append(header, s.String()), append(align, tw.AlignRight)
		}
	}
	var rows [][]string
	for _, p := range j.Places {
		row := []string{p.Name}
		for _, s := range sightOrder {
			if s != account.DroppedHere {
				row = append(row, report.Count(p.Events[s.String()]))
			}
		}
		rows = append(rows, row)
	}
	if err := writeTable(w, align, header, rows); err != nil {
		return err
	}
	if j.Kernel != nil {
		j.Kernel.write(w)
	}
	for _, p := range j.Places {
		if p.Never != "" {
			fmt.Fprint(w, report.Wrap(p.Name+" never saw "+shorten(p.Never), "", 80))
		}
	}
	for _, u := range j.Unknown {
		fmt.Fprint(w, report.Wrap(u, "", 80))
	}
	return nil
}

// shorten keeps the first ranges of many; --json has all.
func shorten(ranges string) string { return abbreviated(strings.Split(ranges, ", ")) }
