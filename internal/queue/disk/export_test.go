package disk

// Files and File are what a store asks of a file system.
type (
	Files = files
	File  = file
)

// OpenFiles opens a store on another file system than the machine's.
func OpenFiles(d Files, config *Config) (*Store, error) { return openFiles("memory", d, config) }

// State is the file that tells of a store's steps.
type State = state

// MakeState makes one with a first step.
func MakeState(d Files, records []byte) (*State, error) { return makeState(d, 1, records) }

// Add makes a further step safe.
func (s *state) Add(records []byte) error { return s.add(records) }

// ReadState returns what MakeState has made, and its steps.
func ReadState(d Files) (s *State, steps []string, err error) {
	s, _, err = readState(d, 1, func(records []byte) error {
		steps = append(steps, string(records))
		return nil
	})
	return s, steps, err
}

// Settle waits until nothing is on its way into data files.
func (s *Store) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.frozen != nil && s.moveErr == nil {
		s.moving.Wait()
	}
}
