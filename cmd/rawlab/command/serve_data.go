package command

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"

	"rawlab/internal/queue"
	"rawlab/internal/queue/disk"
	"rawlab/labs/report"
)

// openQueue makes the queue: with --data on the folder that stored topics live
// in, of which it says what it holds, with --jetstream on a broker, else in
// memory.
func (f *serveFlags) openQueue(stderr io.Writer, logger *slog.Logger, policies map[string]queue.Policy) (*queue.Queue, error) {
	c := queue.Config{Topics: policies, MaxTopics: f.limits.topics}
	if f.shared.url != "" {
		s, err := f.shared.open(stderr, logger)
		if err != nil {
			return nil, err
		}
		c.Store = s
	}
	if f.data != "" {
		s, err := disk.Open(f.data, &disk.Config{Logger: logger})
		if err != nil {
			return nil, f.dataError(err)
		}
		c.Store = s
		f.tellHeld(stderr, s)
	}
	q, err := queue.New(&c)
	if err != nil && c.Store != nil {
		err = errors.Join(err, c.Store.Close())
	}
	return q, err
}

func (f *serveFlags) tellHeld(stderr io.Writer, s *disk.Store) {
	held := s.Opened()
	if held.Made {
		fmt.Fprintf(stderr, "rawlab: %s is new: epoch %016x\n", f.data, s.Epoch())
		return
	}
	topics := slices.DeleteFunc(s.Topics(), queue.IsPattern) // a pattern is only what a client waits for
	fmt.Fprintf(stderr, "rawlab: %s holds %s with %s (%s bytes), %s: epoch %016x\n", f.data,
		count(len(topics), "topic"), count(int(held.Events), "event"), report.Count(int(held.Bytes)), count(held.Cursors, "cursor"), s.Epoch())
}

// dataError says what to do about a folder that cannot be used.
func (f *serveFlags) dataError(err error) error {
	if _, damaged := errors.AsType[*disk.DamageError](err); !damaged {
		return fmt.Errorf("--data: %w", err)
	}
	return fmt.Errorf("--data: %w\n"+
		"Nothing was changed. If there is a copy of the folder, put it in its place; or start with an empty one:\n"+
		"  mv %s %[2]s.damaged\n"+
		"Clients that come back are then told, by a new epoch, that events were lost", err, f.data)
}

// tlsFolder is where a certificate made by --tls-self-signed stays, so that
// clients may pin it; empty without --data.
func (f *serveFlags) tlsFolder() string {
	if f.data == "" {
		return ""
	}
	return filepath.Join(f.data, "tls")
}
