// The ladder: packets in time, down, and between the hosts, across.

const hosts = ["client host", "server host"];
const pillars = [380, 630], middle = 505, drawingWidth = 990;

// drawLadder draws packets and marks ({at, side, text, bad}) from a moment on.
// own tells which packets to draw bold.
function drawLadder(run, packets, marks, zero, own = () => false) {
	const steps = packets.flatMap((p) => p.trip >= 0 ? [{ at: p.left, side: p.side, p, leaves: true }, { at: p.left + p.trip, side: 1 - p.side, p }] : [{ at: p.left, side: p.side, p, leaves: true }]);
	steps.push(...marks);
	steps.sort((a, b) => a.at - b.at || (a.leaves ? 1 : 0) - (b.leaves ? 1 : 0));
	const drawing = svg("svg", { class: "ladder", role: "img", "aria-label": `Ladder of ${packets.length} packets between the client's host and the server's; the table below says the same.` });
	const y = placeSteps(steps), height = (y.at(-1) ?? 40) + 34;
	drawing.setAttribute("viewBox", `0 0 ${drawingWidth} ${height}`);
	pillars.forEach((x, side) => drawing.append(
		svg("text", { class: "name", x, y: 16, "text-anchor": "middle" }, hosts[side]), svg("line", { class: "host", x1: x, x2: x, y1: 24, y2: height - 6 })));
	const left = new Map();
	steps.forEach((s, i) => s.leaves && left.set(s.p, y[i]));
	steps.forEach((s, i) => drawing.append(...drawStep(run, s, y[i], left, zero, own)));
	return el("div", {}, scroll("ladder of packets", drawing), el("details", { class: "alternative" }, el("summary", {}, "as a table"), ladderTable(run, packets, zero)));
}

// placeSteps gives each step a line; long waits get more room.
function placeSteps(steps) {
	let y = 26;
	return steps.map((s, i) => {
		const wait = i ? s.at - steps[i - 1].at : 0;
		return y += 18 + (wait > 1000 ? Math.min(30, 6 * Math.log10(wait / 100)) : 0);
	});
}

function drawStep(run, s, y, left, zero, own) {
	const x = pillars[s.side], out = s.side === 0 ? -1 : 1, anchor = s.side === 0 ? "end" : "start";
	const nodes = [svg("text", { class: "faint", x: 86, y: y + 4, "text-anchor": "end" }, moment(s.at - zero))];
	if (!s.p) {
		return [...nodes, svg("circle", { class: s.bad ? "mark bad" : "mark", cx: x, cy: y, r: 5 }), words(s.text, x + 12 * out, y, anchor, s.bad ? "bad" : "")];
	}
	if (!s.leaves) {
		nodes.push(words(ending(s.p), x + 10 * out, y, anchor, "faint"), arrow(s.p, left.get(s.p), y, own(s.p)));
		return nodes;
	}
	nodes.push(words(`#${s.p.number} ${label(run, s.p).replace("sent again", "again")}`, x + 10 * out, y, anchor, ""));
	if (took(s.p)) nodes.push(cut(s.p, y, own(s.p)));
	else if (s.p.trip < 0) nodes.push(arrow(s.p, y, y + 8, own(s.p)));
	return nodes;
}

// words shortens what has no room; all of it is in the table.
function words(text, x, y, anchor, kind) {
	const room = anchor === "end" ? 40 : 54;
	const short = text.length > room ? `${text.slice(0, room - 1)}…` : text;
	return svg("text", { class: kind, x, y: y + 4, "text-anchor": anchor }, short, svg("title", {}, text));
}

const group = (p, own, ...nodes) => svg("g", { class: [p.again && "again", took(p) && "took", own && "own"].filter(Boolean).join(" ") }, ...nodes);

function arrow(p, from, to, own) {
	const [x1, x2] = p.side === 0 ? pillars : [pillars[1], pillars[0]], back = p.side === 0 ? -9 : 9;
	const slope = (to - from) / (x2 - x1), base = to + back * slope;
	return group(p, own, svg("line", { class: "way", x1, y1: from, x2: x2 + back, y2: base }),
		svg("path", { class: "tip", d: `M${x2} ${to}L${x2 + back} ${base - 4}L${x2 + back} ${base + 4}Z` }));
}

// cut draws a packet that ends in the middle, and why.
function cut(p, y, own) {
	const x1 = pillars[p.side];
	return group(p, own, svg("line", { class: "way", x1, y1: y, x2: middle, y2: y + 6 }),
		svg("text", { class: "cross", x: middle, y: y + 11, "text-anchor": "middle" }, "✗"),
		svg("text", { class: "cross", x: middle + (p.side === 0 ? 10 : -10), y: y + 10, "text-anchor": p.side === 0 ? "start" : "end" }, passages[p.fate].split(":")[0]));
}

function ladderTable(run, packets, zero) {
	return scroll("packets as a table", table(["left at", "packet", "from", "to", "what", "TCP bytes", "what became of it"], packets.map((p) => [
		moment(p.left - zero), `#${p.number}`, p.from, p.to, label(run, p), run.transport === "tcp" ? `${p.seq} + ${p.length}` : "–", ending(p)])));
}

// The ladder of a whole run, a part at a time.
const perLadder = 24;
let ladderFrom = 0;

function showLadder(run, from) {
	const { packets } = open(run);
	ladderFrom = Math.max(0, Math.min(from, packets.length - 1));
	const part = packets.slice(ladderFrom, ladderFrom + perLadder), box = byId("ladder-drawing");
	if (part.length === 0) return box.replaceChildren(el("p", {}, "No packet left a host."));
	const some = run.every > 1 ? ` of those that the page holds (${count(packets.length)} of ${count(run.packets)})` : ` of ${count(packets.length)}`;
	box.replaceChildren(el("p", {}, `${runName(run)}: packets ${count(ladderFrom + 1)} to ${count(ladderFrom + part.length)}${some}, in the order in which they left. Times count from the run's start. A number is the packet's in capture.pcapng.`),
		drawLadder(run, part, [], 0));
	say(`packets ${count(ladderFrom + 1)} to ${count(ladderFrom + part.length)}`);
	byId("ladder-back").disabled = ladderFrom === 0;
	byId("ladder-on").disabled = ladderFrom + perLadder >= packets.length;
}
