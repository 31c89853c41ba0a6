package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"rawlab/labs/bench"
)

// A program that measures is its own server: it starts itself again and
// calls Serve there.
func ExampleMeasure() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		bench.Serve(context.Background(), os.Args[2], os.Stdin, os.Stdout)
		return
	}
	result, err := bench.Measure(context.Background(), &bench.Config{
		Rates: []float64{10_000},
		Server: func(transport string) (*exec.Cmd, error) {
			return exec.Command(os.Args[0], "serve", transport), nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, run := range result.Runs {
		fmt.Printf("%s: %.0f events/s, %d lost\n", run.Transport, run.PerSecond.Median, run.Emitted-run.Delivered)
	}
}
