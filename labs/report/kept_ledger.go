package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Line is one event's line in a ledger.csv.
type Line struct {
	Origin, Sequence                      uint64
	Transport, Fate, Variant, Reliability string
	topic, subscriber                     string // where there are several clients
	latency                               time.Duration
	number                                int // of the line in the file
}

// isOf tells whether the event is one of a part's.
func (l *Line) isOf(p *Part) bool {
	topic, _, _ := strings.Cut(p.Name, "/")
	return l.topic == topic && (p.Number == 0 || len(p.Subscribers) == 1 && l.subscriber == strconv.FormatUint(p.Subscribers[0], 10))
}

// hit tells whether the wire decided the fate, and so the seed.
func (l *Line) hit() bool {
	return l.Fate == "wire-loss" || l.Fate == "wire-corrupt" || l.Fate == "fragment-lost"
}

// Difference is where two bundles, or two parts of one, first say different
// things.
type Difference struct {
	Where  string `json:"where"`  // the file, and the line or the packet
	Bundle string `json:"bundle"` // what the bundle says there
	Now    string `json:"now"`    // what it should say
}

func (d *Difference) Error() string {
	return fmt.Sprintf("%s: the bundle has %s, and should have %s", d.Where, d.Bundle, d.Now)
}

// tally is what a ledger's lines of one run come to.
type tally struct {
	emitted, delivered int
	fates              map[string]int
	latencies          []time.Duration
	first, last        map[uint64]uint64 // sequence, by origin
	hits               []Line
	parts              map[string]*tally // by name, of those that the result has
}

// Agrees holds the bundle's ledger against its result, event by event: their
// number, their fates, their latencies, and which of them the wire lost. The
// error is a [*Difference], or says what of the ledger cannot be read.
func (k *Kept) Agrees() error {
	tallies, err := k.tallies()
	if err != nil {
		return err
	}
	for i := range k.Result.Runs {
		if err := k.Result.Runs[i].agrees(tallies[i]); err != nil {
			return err
		}
	}
	return nil
}

// tallies sums up the ledger, a run each.
func (k *Kept) tallies() ([]*tally, error) {
	list := make([]*tally, len(k.Result.Runs))
	byName, runs := map[string]*tally{}, map[string]*Run{}
	for i := range list {
		u := &k.Result.Runs[i]
		list[i] = newTally()
		for k := range u.Parts {
			list[i].part(u.Parts[k].Name)
		}
		byName[u.Name()], runs[u.Name()] = list[i], u
	}
	err := k.eachLine(func(l *Line) error {
		name := runName(l.Transport, l.Reliability, l.Variant)
		t := byName[name]
		if t == nil {
			return &Difference{fmt.Sprintf("ledger.csv:%d", l.number), "an event of a run '" + name + "'", "none: result.json knows no such run"}
		}
		t.add(l)
		parts := runs[name].Parts
		for i := range parts {
			if l.isOf(&parts[i]) {
				t.parts[parts[i].Name].add(l)
			}
		}
		return nil
	})
	return list, err
}

func newTally() *tally {
	return &tally{fates: map[string]int{}, first: map[uint64]uint64{}, last: map[uint64]uint64{}}
}

// part begins the tally of a part.
func (t *tally) part(name string) {
	if t.parts == nil {
		t.parts = map[string]*tally{}
	}
	t.parts[name] = newTally()
}

func (t *tally) add(l *Line) {
	t.emitted++
	if f, ok := t.first[l.Origin]; !ok || l.Sequence < f {
		t.first[l.Origin] = l.Sequence
	}
	t.last[l.Origin] = max(t.last[l.Origin], l.Sequence)
	if l.Fate == "delivered" {
		t.delivered++
		t.latencies = append(t.latencies, l.latency)
		return
	}
	t.fates[l.Fate]++
	if l.hit() {
		t.hits = append(t.hits, *l)
	}
}

// agrees holds a run's part of the result against its part of the ledger.
func (u *Run) agrees(t *tally) error {
	if err := u.agreesInCounts(t); err != nil {
		return err
	}
	if now := t.digest(); !u.OnRung() && u.LostDigest != now {
		return u.differs("lost_digest", now, u.LostDigest)
	}
	for i := range u.Parts {
		p := &u.Parts[i]
		if err := p.Run(u).agreesInCounts(t.parts[p.Name]); err != nil {
			return err
		}
	}
	return nil
}

func (u *Run) differs(what string, ledger, result any) error {
	return &Difference{"result.json against ledger.csv, " + u.Name() + ", " + what, fmt.Sprint(result), fmt.Sprint(ledger)}
}

// agreesInCounts is agrees for what a part of a run has too.
func (u *Run) agreesInCounts(t *tally) error {
	if u.Emitted != t.emitted {
		return u.differs("events", t.emitted, u.Emitted)
	}
	if u.Delivered != t.delivered {
		return u.differs("delivered", t.delivered, u.Delivered)
	}
	for _, fate := range sortedKeys(u.Fates, t.fates) {
		if u.Fates[fate] != t.fates[fate] {
			return u.differs(fate, t.fates[fate], u.Fates[fate])
		}
	}
	told, now := u.LatencyUS, Percentiles(t.latencies)
	if (told == nil) != (now == nil) || told != nil && *told != *now {
		return u.differs("latency_us", words(now), words(told))
	}
	return nil
}

func words(l *Latency) string {
	if l == nil {
		return "none"
	}
	return fmt.Sprintf("%+v", *l)
}

func sortedKeys(maps ...map[string]int) []string {
	var list []string
	for _, m := range maps {
		for key := range m {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// digest is account.Ledger.LostDigest of a run without a rung.
func (t *tally) digest() string {
	var lost []uint64
	for i := range t.hits {
		lost = append(lost, t.hits[i].Sequence-t.first[t.hits[i].Origin])
	}
	slices.Sort(lost)
	h := sha256.New()
	for _, s := range lost {
		h.Write(binary.BigEndian.AppendUint64(nil, s))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// eachLine reads the ledger.
func (k *Kept) eachLine(visit func(*Line) error) error {
	f, err := k.Open("ledger.csv")
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	r.ReuseRecord = true
	for number := 1; ; number++ {
		fields, err := r.Read()
		switch {
		case errors.Is(err, io.EOF) && number > 1:
			return nil
		case err != nil:
			return fmt.Errorf("%s: ledger.csv is damaged: %w", k.Folder, err)
		case number == 1:
			if len(fields) < 8 || fields[0] != "origin" || fields[6] != "variant" {
				return fmt.Errorf("%s: ledger.csv is no ledger of a lab: its first line is not", k.Folder)
			}
			continue
		}
		l := Line{Transport: fields[2], Fate: fields[3], Variant: fields[6], Reliability: fields[7], number: number}
		if len(fields) >= 12 { // others are of an older rawlab
			l.topic, l.subscriber = fields[10], fields[11]
		}
		if err := l.numbers(fields); err != nil {
			return fmt.Errorf("%s: ledger.csv:%d is damaged: %w", k.Folder, number, err)
		}
		if err := visit(&l); err != nil {
			return err
		}
	}
}

// numbers reads the fields that are.
func (l *Line) numbers(fields []string) (err error) {
	if l.Origin, err = strconv.ParseUint(fields[0], 10, 64); err != nil {
		return err
	}
	if l.Sequence, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
		return err
	}
	if l.Fate != "delivered" {
		return nil
	}
	us, err := strconv.ParseFloat(fields[4], 64)
	if err != nil || !(us > -1e15 && us < 1e15) {
		return fmt.Errorf("a latency of '%s'", fields[4])
	}
	l.latency = time.Duration(math.Round(us * 1e3))
	return nil
}
