// The story of one event: what happened to it, in the order of time.

// stepsOf tells an event's story: {at, text, bad, side}. A step without a side
// is a packet's.
function stepsOf(run, event) {
	const packets = open(run).packets.filter((p) => carries(p, event.place)), steps = [];
	if (event.at >= 0) steps.push({ at: event.at, side: 0, text: "emitted", long: "The emitter meant to send it." });
	for (const p of packets) {
		steps.push({ at: p.left, bad: took(p), packet: p, long: `Packet ${p.number} left the ${hosts[p.side]} with it (${label(run, p)}); ${ending(p)}.` });
	}
	const blocked = [waited(run, event, packets, 0), waited(run, event, packets, 1)].filter(Boolean);
	for (const w of blocked) steps.push(w.begins, w.ends);
	steps.push(...[0, 1].flatMap((leg) => madeGood(event, packets, leg)));
	if (event.lost) steps.push(lostStep(event, packets));
	else steps.push({ at: event.at + event.took, side: 0, text: `delivered after ${span(event.took)}`, long: `Delivered to the subscriber, ${span(event.took)} after it was to be emitted.` });
	if (event.twice) steps.push({ at: event.at + event.took, text: "", long: `It was delivered ${count(event.twice)} more ${event.twice === 1 ? "time" : "times"}.` });
	return { packets: [...new Set([...packets, ...blocked.flatMap((w) => w.packets)])].sort((a, b) => a.row - b.row), own: new Set(packets), steps: steps.sort((a, b) => a.at - b.at) };
}

// madeGood tells of an event that came though the wire took every packet with
// it on a leg: parity of others brought it back.
function madeGood(event, packets, leg) {
	const sent = packets.filter((p) => p.side === leg);
	if (event.lost || sent.length === 0 || sent.some((p) => p.trip >= 0 && !took(p))) return [];
	return [{ at: sent.at(-1).left, long: `No packet with it came to the ${hosts[1 - leg]}: it was made good from the parity of others.` }];
}

// lostStep is where an event ended.
function lostStep(event, packets) {
	const seen = packets.map((p) => p.left + Math.max(0, p.trip)), at = Math.max(event.at, ...seen);
	const inside = packets.length > 0 && !took(packets.at(-1)) && packets.at(-1).trip >= 0;
	return { at, side: inside ? 1 - packets.at(-1).side : undefined, bad: true, text: `✗ ${data.fates[event.fate]}`, long: `Lost: ${data.fates[event.fate]}. ${data.reasons[event.fate]}.` };
}

// waited tells how long the event stood in line at the end of a leg, and
// behind what: the packet that came when it was over, and earlier tries of it.
function waited(run, event, packets, leg) {
	const wait = leg === 0 ? event.wait : event.wait_back;
	if (!wait) return undefined;
	const mine = packets.filter((p) => p.side === leg && p.trip >= 0 && !took(p));
	for (const whole of mine.map((p) => p.left + p.trip).sort((a, b) => b - a)) {
		const opener = open(run).packets.find((p) => p.side === leg && p.trip >= 0 && p.length > 0 && Math.abs(p.left + p.trip - whole - wait) <= 3 && mine.some((m) => m.stream === p.stream));
		if (!opener) continue;
		const before = open(run).packets.filter((p) => p.stream === opener.stream && p.left < opener.left && p.seq < opener.seq + opener.length && opener.seq < p.seq + p.length);
		return {
			begins: { at: whole, side: 1 - leg, text: "whole, but stands in line", long: `All of its bytes were at the ${hosts[1 - leg]}, but not all that precede them: it stood in line.` },
			ends: { at: whole + wait, side: 1 - leg, text: `in line no more, after ${span(wait)}`, long: `Packet ${opener.number} brought what was missing (${label(run, opener)}): it had stood in line for ${span(wait)}.` },
			packets: [...before, opener],
		};
	}
	const at = Math.max(event.at, ...mine.map((p) => p.left + p.trip));
	return { begins: { at, long: `At the ${hosts[1 - leg]} it stood in line behind earlier bytes for ${span(wait)}.`, text: "" }, ends: { at, text: "", long: "" }, packets: [] };
}

// maxStoryPackets bounds an event's ladder; the steps name all.
const maxStoryPackets = 60;

function showEvent(run, event) {
	const { packets, own, steps } = stepsOf(run, event), zero = event.at >= 0 ? event.at : packets[0]?.left ?? 0;
	const fate = event.lost ? el("strong", { class: "bad" }, `lost: ${data.fates[event.fate]}`) : el("strong", {}, `delivered after ${span(event.took)}`);
	const marks = steps.filter((s) => s.side !== undefined && s.text);
	byId("story").replaceChildren(
		el("h3", {}, `Event ${event.name} of ${runName(run)}: `, fate),
		el("ol", {}, steps.filter((s) => s.long).map((s) => el("li", s.bad ? { class: "bad" } : {}, el("time", {}, moment(s.at - zero)), s.long))),
		packets.length ? drawLadder(run, packets.slice(0, maxStoryPackets), marks, zero, (p) => own.has(p)) : el("p", {}, event.took < 0 ? "No packet carried it." : "No packet can be told to carry it: what the packets carry cannot be read."));
	showBytes(run, event);
	say(byId("story").querySelector("h3").textContent);
}
