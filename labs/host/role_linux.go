package host

import (
	"errors"
	"fmt"
	"io"
	"os"

	"rawlab/framing"
	"rawlab/labs/wire"
)

// wireEnv marks a process that was started to be the wire. Its value is how
// many hosts' namespaces the process inherits.
const wireEnv = "RAWLAB_WIRE"

// RunRole makes this process what a parent started it as, if it was started
// by one: programs and test binaries that use this package call it first in
// main. It does not return in such a process.
func RunRole() {
	switch {
	case os.Getenv(wireEnv) != "":
		os.Exit(serveWire())
	case os.Getenv(timerEnv) != "":
		os.Exit(serveTimer())
	case os.Getenv(probeEnv) != "":
		os.Exit(probe())
	case os.Getenv(ServerEnv) != "": // and not a second run of whatever this program does
		fmt.Fprintln(os.Stderr, "rawlab: a program that runs labs calls labs.RunRole first in main, not host.RunRole")
		os.Exit(1)
	}
}

// serveWire is the wire's process; it ends when its parent closes the pipe,
// or dies.
func serveWire() int {
	v, err := inheritValves(os.Getenv(wireEnv))
	if err == nil {
		err = wire.Serve(os.Stdin, os.Stdout, framing.Identify, v.hold)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintf(os.Stderr, "rawlab: wire: %v\n", err)
		return 1
	}
	return 0
}
