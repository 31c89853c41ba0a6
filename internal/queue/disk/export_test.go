package disk

// Files and File are what a store asks of a file system.
type (
	Files = files
	File  = file
)

// OpenFiles opens a store on another file system than the machine's.
func OpenFiles(d Files, config *Config) (*Store, error) { return openFiles("memory", d, config) }
