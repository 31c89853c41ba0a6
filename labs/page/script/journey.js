// Events and packets of a run, read from its columns when they are needed.

const opened = new Map();

// open reads a run's columns.
function open(run) {
	if (!opened.has(run)) {
		const events = {};
		for (const [name, column] of Object.entries(run.events)) events[name] = unpack(column);
		const packets = run.streams.flatMap((stream, n) => packetsOf(stream, n));
		packets.sort((a, b) => a.left - b.left || a.number - b.number);
		packets.forEach((p, i) => p.row = i);
		opened.set(run, { events, packets, at: new Map(events.place.map((place, i) => [place, i])) });
	}
	return opened.get(run);
}

function packetsOf(stream, n) {
	const columns = {};
	for (const name of ["number", "left", "trip", "copies", "fate", "length", "word", "seq", "ack", "again", "first", "count"]) columns[name] = unpack(stream[name]);
	const packets = columns.number.map((number, i) => ({
		number, stream: n, side: stream.side, from: stream.from, to: stream.to,
		left: columns.left[i], trip: columns.trip[i], copies: columns.copies[i], fate: columns.fate[i], length: columns.length[i],
		word: data.words[columns.word[i]], seq: columns.seq[i], ack: columns.ack[i], again: data.words[columns.again[i]],
		events: columns.count[i] ? [[columns.first[i], columns.count[i]]] : [],
	}));
	for (const [row, first, times] of stream.more ?? []) packets[row].events.push([first, times]);
	return packets;
}

const carries = (packet, place) => packet.events.some(([first, times]) => first <= place && place < first + times);

// eventAt is one event's row.
function eventAt(run, i) {
	const { events } = open(run), event = { row: i };
	for (const name in events) event[name] = events[name][i];
	event.id = `${event.origin}:${event.sequence}`;
	event.name = event.to === undefined ? event.id : `${event.id} to ${event.to}`;
	event.lost = event.took < 0;
	return event;
}

// find looks an event up as a reader names it: 7, or 1:7, and of several
// subscribers the one that it is due to: 1:7 to 5.
function find(run, text) {
	const m = /^\s*(?:(\d+)\s*:\s*)?(\d+)(?:\s*to\s*(\d+))?\s*$/.exec(text);
	if (!m) return { error: `“${text}” is no event: a number such as 7, or origin and sequence such as 1:7, with its subscriber 1:7 to 5 where there are several` };
	const { events } = open(run), sequence = Number(m[2]), origin = m[1] === undefined ? undefined : Number(m[1]), to = m[3] === undefined ? undefined : Number(m[3]);
	const row = events.sequence.findIndex((s, i) => s === sequence && (origin === undefined || events.origin[i] === origin) && (to === undefined || events.to?.[i] === to));
	if (row >= 0) return { event: eventAt(run, row) };
	if (run.every > 1) return { error: `Event ${text.trim()} is not among those that this page holds; rawlab explain capture.pcapng --event ${origin ?? 1}:${sequence} tells its story.` };
	return { error: `${runName(run)} has no event ${text.trim()}; it has ${range(run)}.` };
}

function range(run) {
	const { events } = open(run), last = events.sequence.length - 1;
	if (last < 0) return "none";
	return `${events.origin[0]}:${events.sequence[0]} to ${events.origin[last]}:${events.sequence[last]}`;
}

// identity is an event's origin and sequence by its place. Where the page holds
// its neighbours alone, and nothing but what is between them, it follows.
function identity(run, place) {
	const { events, at } = open(run), row = at.get(place);
	if (row !== undefined) return [events.origin[row], events.sequence[row]];
	const after = events.place.findIndex((p) => p > place), before = after - 1;
	if (before < 0 || events.origin[before] !== events.origin[after]) return undefined;
	if (events.sequence[after] - events.sequence[before] !== events.place[after] - events.place[before]) return undefined;
	return [events.origin[before], events.sequence[before] + place - events.place[before]];
}

// named writes runs of events as 1:5–9.
function named(run, runs) {
	return runs.map(([first, times]) => {
		const a = identity(run, first), b = identity(run, first + times - 1);
		if (!a || !b) return `${count(times)} ${times === 1 ? "event" : "events"} not listed here`;
		return times === 1 || a.join(":") === b.join(":") ? a.join(":") : `${a.join(":")}–${b[0] === a[0] ? b[1] : b.join(":")}`;
	}).join(", ");
}

// The fates of packets, in the order of the data's numbers.
const passages = ["", "wire-loss", "wire-corrupt: a bit was flipped", "wire-queue: it was full", "still under way at the end", "never reached the wire", ""];
const cameDamaged = 2;

const took = (p) => p.fate >= 1 && p.fate <= 5 && !(p.fate === cameDamaged && p.trip >= 0);

// label says what a packet is.
function label(run, p) {
	const verb = p.side === 0 ? "emit" : "event";
	let text = p.word === "piece" ? `piece of ${named(run, p.events)}` : p.events.length ? `${verb} ${named(run, p.events)}` : p.word || "data";
	if (p.events.length && p.word && p.word !== "piece" && p.word !== "ACK") text += `, ${p.word}`;
	if (!p.events.length && p.word === "ACK") text += ` ${p.ack}`;
	return p.again ? `${text}, ${p.again}` : text;
}

// ending says what became of a packet.
function ending(p) {
	if (p.fate === cameDamaged && p.trip >= 0) return `came after ${span(p.trip)}, damaged: a bit was flipped`;
	if (passages[p.fate]) return passages[p.fate];
	if (p.trip < 0) return "not seen to arrive";
	return `came after ${span(p.trip)}${p.copies > 1 ? `, ${p.copies} times` : ""}`;
}
