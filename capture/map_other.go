//go:build !unix

package capture

import (
	"errors"
	"os"
)

// mapFile fails: the file is to be read.
func mapFile(*os.File) ([]byte, func() error, error) { return nil, nil, errors.ErrUnsupported }
