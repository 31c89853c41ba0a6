package labs

import (
	"cmp"
	"fmt"
	"slices"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/report"
	"rawlab/udpq/dtls"
)

// shaken counts the handshakes of DTLS that came to their end.
func (r *rebinding) shaken() int { return int(r.seals.socket.Stats().Established) }

// recordView is what the capture at the server's interface, behind the
// translator, tells of the clients' encrypted records.
type recordView struct {
	records int // of application data, or with an ID, which may be anything
	ids     []string
	joined  int // IDs that stand in records from two ports: they tell who moved where
}

// viewRecords looks at records as somebody without a key does.
func viewRecords(e *report.Evidence) recordView {
	var v recordView
	ports := map[string]map[uint16]bool{}
	parser := dissect.NewParser(dissect.LinkEthernet)
	for _, p := range e.Taps[account.Server].Packets {
		h, err := parser.Parse(p.Data)
		if err != nil || h.Protocol != dissect.UDP || p.Outgoing || len(h.Payload) == 0 {
			continue
		}
		if h.Payload[0] == applicationData || h.Payload[0] == withID {
			v.records++
		}
		if id, ok := dtls.IDOf(h.Payload); ok {
			name := fmt.Sprintf("%x", id)
			if ports[name] == nil {
				ports[name] = map[uint16]bool{}
			}
			ports[name][h.Src.Port()] = true
		}
	}
	for name, from := range ports {
		v.ids = append(v.ids, name)
		if len(from) == 2 {
			v.joined++
		}
	}
	slices.SortFunc(v.ids, cmp.Compare[string])
	return v
}

func encryptedChecks(out *Outcome, all []*rebinding, views [2]recordView) []report.Check {
	without, with := &out.Result.Runs[3], &out.Result.Runs[4]
	anew, same := all[0].seals.socket.Stats(), all[1].seals.socket.Stats()
	strange, events := all[0].seals.strangers()
	_, unread := all[1].seals.strangers()
	lost := without.Fates["unauthorized"]
	return []report.Check{
		check(anew.Established == 4 && anew.Moved == 0, "DTLS without connection IDs: both clients shake hands anew, over other sockets, before their sessions move",
			"%d handshakes of 2 clients, %d associations moved", anew.Established, anew.Moved),
		check(lost > 0 && lost == events && without.Delivered+lost == without.Emitted && without.Duplicates == 0 && strange == int(anew.Dropped),
			"and lose what was emitted meanwhile, since the server could decipher nothing from the new ports",
			"%d of %d delivered, %d lost; of %s passed over there, %d with events", without.Delivered, without.Emitted, lost, count(strange, "datagram"), events),
		check(same.Established == 2 && same.Moved == 2 && unread == 0, "with connection IDs nobody shakes hands again: the server finds the keys by the ID, and follows",
			"%d handshakes of 2 clients, %d associations moved, %s passed over", same.Established, same.Moved, count(unread, "event")),
		check(with.Duplicates == 0 && with.Delivered+with.Fates["unauthorized"] == with.Emitted,
			"and lose only what plain UDP loses there: what came before the session had moved",
			"%d of %d delivered, %d came as a stranger's", with.Delivered, with.Emitted, with.Fates["unauthorized"]),
		check(len(views[0].ids) == 0 && len(views[1].ids) == 2 && views[1].joined == 2, "who looks on sees the IDs, and joins by them what came from the former port and from the new one",
			"%s without, %s with; %d of them seen from two ports", count(len(views[0].ids), "ID"), count(len(views[1].ids), "ID"), views[1].joined),
	}
}

func encryptedStory(o *Options, res *report.Result, all []*rebinding, views [2]recordView) []string {
	without, with := all[0], all[1]
	ms := func(r *rebinding) string { return report.Milliseconds(float64(r.outage().Nanoseconds()) / 1e3) }
	strange, events := without.seals.strangers()
	return []string{
		fmt.Sprintf("Around the same sessions, DTLS. Its server keeps the keys of a conversation by the address that it shook hands with. What came from the new ports was encrypted under keys that the server had, and would have had to try one by one: it passed over %s, %d of them with an event, and could not even say so, since nothing told it whom to say it to under which keys. The clients heard nothing, asked three times over the old socket (%v, twice and four times that), then opened another one and shook hands anew; only then could their sessions move. New events had not come for %s, and %s lost.",
			count(strange, "datagram"), events, o.askAgain(), ms(without), wasLost(res.Runs[3].Fates["unauthorized"])),
		fmt.Sprintf("With a connection ID (RFC 9146) the server said in its hello: put these %d bytes into each of your records. By them it found the keys from whatever port a record came (%d handshakes in all, %d associations moved), and it followed only a record that was authentic and newer than all before (section 6): who copies an old one and sends it from elsewhere moves nobody. Where it then sends, the session decides, which shows by its cookie that somebody receives there. New events had not come for %s, and %s lost, as on plain UDP.",
			dtls.IDBytes, with.shaken(), with.seals.socket.Stats().Moved, ms(with), wasLost(res.Runs[4].Fates["unauthorized"])),
		fmt.Sprintf("The price is told in the clear. Without IDs the capture behind the translator has %s of clients, and nothing in them that would join those from the former ports with those from the new ones: a handshake tells that somebody came, not who. With IDs each of %s from a client says whose it is: %s stood in records from two ports each, and who looks on knows that both were one (section 9). DTLS 1.3 lets the ends change their IDs (RFC 9147, section 9).",
			count(views[0].records, "record"), count(views[1].records, "record"), joinIDs(views[1].ids)),
	}
}

func joinIDs(ids []string) string {
	if len(ids) != 2 {
		return count(len(ids), "ID")
	}
	return ids[0] + " and " + ids[1]
}

// wasLost is so many events and their verb.
func wasLost(n int) string { return count(n, "event") + " " + wereOf(n) }
