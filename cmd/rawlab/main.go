// Command rawlab sends the same events over TCP and UDP through the same bad
// network and answers for every one of them.
package main

import (
	"context"
	"os"

	"rawlab/cmd/rawlab/command"
	"rawlab/labs"
)

func main() {
	labs.RunRole()
	os.Exit(command.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
