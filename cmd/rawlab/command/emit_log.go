package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"rawlab/capture/account"
)

// loggedEvent is one line of an emitter's log.
type loggedEvent struct {
	Origin   string    `json:"origin"`
	Sequence uint64    `json:"sequence"` // 0 of an event that was refused before it got one
	Time     time.Time `json:"time"`     // when it was handed to the client
	Topic    string    `json:"topic"`
	Bytes    int       `json:"bytes"`             // of the payload
	Refused  string    `json:"refused,omitempty"` // why it was not sent
}

// eventLog writes an emitter's log, a JSON object a line. A nil log does
// nothing.
type eventLog struct {
	file *os.File
	w    *bufio.Writer
}

func createLog(path string) (*eventLog, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	return &eventLog{file, bufio.NewWriter(file)}, nil
}

func (l *eventLog) note(e *loggedEvent) error {
	if l == nil {
		return nil
	}
	if err := json.NewEncoder(l.w).Encode(e); err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	return nil
}

func (l *eventLog) close() error {
	if l == nil {
		return nil
	}
	if err := errors.Join(l.w.Flush(), l.file.Close()); err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	return nil
}

// maxLogged bounds the events of a log that are accounted for (about 200
// bytes each).
const maxLogged = 1 << 22

// mayBeLog refuses a path at which no log can be, before a capture begins that
// would be of no use. While one is live, the log may come only later.
func mayBeLog(path string, live bool) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("--account: %s is a folder: name the log that 'rawlab emit --log' writes", path)
	}
	if live && errors.Is(err, os.ErrNotExist) {
		_, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("--account: %w", err)
	}
	return nil
}

// readLog reads an emitter's log.
func readLog(path string) (events []account.Emission, unfinished bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("--account: %w", err)
	}
	defer file.Close()
	if events, unfinished, err = parseLog(file); err != nil {
		err = fmt.Errorf("%s:%w", path, err)
	}
	return events, unfinished, err
}

// parseLog reads a log; its errors begin with the line. An event that was
// emitted twice, by numbers, is one: the log would be of two emitters. A last
// line that ends amid what it says is unfinished: somebody is writing it.
func parseLog(log io.Reader) (events []account.Emission, unfinished bool, err error) {
	r := bufio.NewReaderSize(log, 1<<16)
	seen := map[account.ID]int{}
	for line := 1; ; line++ {
		text, err := r.ReadSlice('\n')
		if err == io.EOF && len(text) == 0 {
			return events, false, nil
		}
		if err != nil && err != io.EOF {
			return nil, false, fmt.Errorf("%d: %w", line, err)
		}
		e, parseErr := parseLogged(text)
		if parseErr != nil && err == io.EOF && len(events) > 0 {
			return events, true, nil
		}
		if parseErr != nil {
			return nil, false, fmt.Errorf("%d: %w; want what 'rawlab emit --log' writes", line, parseErr)
		}
		if before, ok := seen[e.ID]; ok && e.ID.Sequence != 0 {
			return nil, false, fmt.Errorf("%d: event %d:%d is in line %d already", line, e.ID.Origin, e.ID.Sequence, before)
		}
		if len(events) == maxLogged {
			return nil, false, fmt.Errorf("%d: more than %d events; account for a part of the log at a time", line, maxLogged)
		}
		seen[e.ID] = line
		events = append(events, e)
	}
}

func parseLogged(line []byte) (e account.Emission, err error) {
	var l loggedEvent
	if err := json.Unmarshal(line, &l); err != nil {
		return e, err
	}
	if e.ID.Origin, err = strconv.ParseUint(l.Origin, 10, 64); err != nil {
		return e, fmt.Errorf("origin %q: not a number", l.Origin)
	}
	if l.Sequence == 0 && l.Refused == "" {
		return e, errors.New("no sequence, and not refused")
	}
	e.ID.Sequence, e.Time, e.Refused = l.Sequence, l.Time, l.Refused != ""
	return e, nil
}
