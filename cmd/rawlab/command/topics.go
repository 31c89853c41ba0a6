package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"

	"rawlab/internal/clock"
	"rawlab/internal/queue/edge"
	"rawlab/labs/report"
	"rawlab/tcpq"
)

// topicsFlags are what a user said to topics.
type topicsFlags struct {
	client clientFlags
	json   bool
}

func newTopics() *cobra.Command {
	var f topicsFlags
	c := &cobra.Command{
		Use:   "topics URL",
		Short: "Show a server's topics, what they keep and who lags behind",
		Long: "Show the topics of a server that somebody listens to or that are stored, as far as\n" +
			"your token allows you to emit or listen to them: how many events a stored topic\n" +
			"keeps, from which offset to which, and for each client with a name how many of\n" +
			"them it has not acknowledged.",
		Example: "  rawlab topics tcp://127.0.0.1:9700\n  rawlab topics tls://example.org:9700 --token-file token --json",
		Args:    positional(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	f.client.register(c.Flags())
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	return c
}

// answerTime is how long a server may take to answer a question.
const answerTime = 10 * time.Second

func (f *topicsFlags) run(c *cobra.Command, url string) (err error) {
	server, err := parseEndpoint(url)
	if err != nil {
		return err
	}
	if server.transport != "tcp" {
		return usagef("%s: a server tells about its topics over tcp:// and tls:// only", url)
	}
	ctx, cancel := edge.WithTimeout(c.Context(), clock.Real, answerTime, "the answer of "+server.String())
	defer cancel()
	asker, err := server.dial(ctx, "", &f.client)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, asker.Close()) }()
	t, ok := asker.(*tcpq.Client)
	if !ok {
		return fmt.Errorf("%s: no client over TCP", url)
	}
	topics, err := t.Topics(ctx)
	if err != nil {
		return err
	}
	if f.json {
		return writeTopicsJSON(c.OutOrStdout(), topics)
	}
	return writeTopics(c.OutOrStdout(), topics)
}

type jsonTopic struct {
	tcpq.TopicState
	Depth uint64       `json:"depth"`
	Lags  []jsonCursor `json:"cursors"`
}

type jsonCursor struct {
	Client  string `json:"client"`
	Next    uint64 `json:"next"`
	Present bool   `json:"present"`
	Lag     uint64 `json:"lag"`
}

func writeTopicsJSON(w io.Writer, topics []tcpq.TopicState) error {
	all := []jsonTopic{}
	for i := range topics {
		t := &topics[i]
		j := jsonTopic{TopicState: *t, Depth: t.Depth(), Lags: []jsonCursor{}}
		for _, c := range t.Cursors {
			j.Lags = append(j.Lags, jsonCursor{c.Client, c.Next, c.Present, c.Lag(t)})
		}
		all = append(all, j)
	}
	return json.NewEncoder(w).Encode(map[string]any{"topics": all})
}

func writeTopics(w io.Writer, topics []tcpq.TopicState) error {
	if len(topics) == 0 {
		_, err := fmt.Fprintln(w, "no topics: nobody listens, and none is stored")
		return err
	}
	rows := make([][]string, 0, len(topics))
	for i := range topics {
		rows = append(rows, topicRow(&topics[i]))
	}
	align := tw.Alignment{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignRight, tw.AlignRight, tw.AlignLeft}
	return writeTable(w, align, []string{"topic", "policy", "subscribers", "events", "offsets", "bytes", "lag of clients with a name"}, rows)
}

func topicRow(t *tcpq.TopicState) []string {
	row := []string{t.Name, t.Policy, report.Count(t.Subscribers), "–", "–", "–", ""}
	if t.Policy != "store" {
		return row
	}
	row[3], row[5] = report.Count(int(t.Depth())), report.Count(int(t.Bytes))
	if t.Depth() > 0 {
		row[4] = fmt.Sprintf("%d to %d", t.First, t.Next-1)
	}
	lags := make([]string, 0, len(t.Cursors))
	for _, c := range t.Cursors {
		lag := fmt.Sprintf("%s %s", c.Client, report.Count(int(c.Lag(t))))
		if !c.Present {
			lag += " (away)"
		}
		lags = append(lags, lag)
	}
	if more := t.CursorCount - len(t.Cursors); more > 0 {
		lags = append(lags, fmt.Sprintf("and %d more", more))
	}
	row[6] = strings.Join(lags, "\n")
	return row
}
