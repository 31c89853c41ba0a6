// Packets' bytes: each layer's place in a packet, and the bytes themselves.

// showBytes takes apart the packets of an event whose bytes the page has.
function showBytes(run, event) {
	const packets = run.bytes.filter((p) => p.events.includes(event.place)), box = byId("bytes");
	if (packets.length === 0) {
		return box.replaceChildren(el("p", { class: "soft" }, "The page holds the bytes of the events named above only; ", el("code", {}, `rawlab explain capture.pcapng --event ${event.id}`), " shows those of every one."));
	}
	box.replaceChildren(el("h3", {}, "Its packets, byte by byte"), el("p", { class: "soft" }, "Choose a layer to light its bytes and to read its fields."), ...packets.map((p, i) => packetBox(run, event, p, i === 0)));
}

function packetBox(run, event, packet, shown) {
	const fields = el("div", { "aria-live": "polite" }), hex = hexOf(packet), layers = layersFor(packet, event);
	const buttons = [];
	const choose = (i) => {
		buttons.forEach((b, n) => b.setAttribute("aria-pressed", String(n === i)));
		const layer = layers[i];
		light(hex, bytesOf(layer));
		fields.replaceChildren(fieldsOf(layer, hex));
	};
	const rows = layers.map((layer, i) => {
		buttons.push(el("button", { type: "button", class: `link layer-${layer.osi}`, "aria-pressed": "false", onclick: () => choose(i) }, layerName(layer)));
		return [buttons[i], String(layer.osi), count(layer.to - layer.from), track(packet, layer)];
	});
	const own = layers.filter((l) => l.event === event.place).reduce((sum, l) => sum + l.to - l.from - l.overhead, 0);
	const fall = table(["layer", "OSI", "bytes", "where in the packet"], rows, { class: "fall" });
	for (const row of fall.tBodies[0].rows) row.cells[3].className = "where";
	const known = open(run).packets.find((p) => p.number === packet.number);
	choose(Math.max(0, layers.findIndex((l) => l.event === event.place)));
	const title = `Packet ${packet.number}: ${count(packet.size)} bytes, ${(100 * (1 - own / packet.size)).toFixed(1)} % not this event's payload`;
	return el("details", { class: "packet", open: shown }, el("summary", {}, el("h4", {}, title)),
		known ? el("p", {}, `${label(run, known)}, from the ${hosts[known.side]}; ${ending(known)}.`) : "",
		scroll("layers", fall), fields, tall("bytes", hex), packet.hex.length < 2 * packet.size ? el("p", { class: "soft" }, `The first ${count(packet.hex.length / 2)} bytes.`) : "");
}

// layersFor joins what belongs to other events.
function layersFor(packet, event) {
	const layers = [];
	for (const layer of packet.layers) {
		if (layer.event < 0 || layer.event === event.place) layers.push(layer);
		else if (layers.at(-1)?.others) Object.assign(layers.at(-1), { to: layer.to, overhead: layers.at(-1).overhead + layer.overhead });
		else layers.push({ ...layer, others: true, fields: [] });
	}
	return layers;
}

const layerName = (layer) => layer.others ? "other events" : data.words[layer.name];

// bytesOf are a layer's bytes: its own, and fields of it that stand behind what
// it carries, such as a checksum.
const bytesOf = (layer) => [[layer.from, layer.to], ...layer.fields.filter(([, , from]) => from >= layer.to).map(([, , from, to]) => [from, to])];

// track draws where a layer's bytes lie.
function track(packet, layer) {
	return svg("svg", { class: "track", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" },
		bytesOf(layer).map(([from, to]) => svg("rect", { class: `piece-${layer.osi}`, x: 1000 * from / packet.size, width: Math.max(2, 1000 * (to - from) / packet.size), y: 0, height: 10 })));
}

// fieldsOf lists a layer's fields; pointing at one lights its bytes.
function fieldsOf(layer, hex) {
	const list = table(["field", "value", "bytes"], layer.fields.map(([name, value, from, to]) => [data.words[name], data.words[value], to > from ? `${from}–${to - 1}` : "–"]), { class: "fields" });
	const all = () => light(hex, bytesOf(layer));
	[...list.tBodies[0].rows].forEach((row, i) => {
		const [, , from, to] = layer.fields[i], on = () => light(hex, [[from, to]]);
		row.cells[1].className = "words";
		row.tabIndex = 0;
		for (const [name, act] of [["mouseenter", on], ["focus", on], ["mouseleave", all], ["blur", all]]) row.addEventListener(name, act);
	});
	return el("div", {}, el("p", {}, layer.others ? "Frames of other events, which share the packet." : data.words[layer.meaning]), layer.fields.length ? el("details", { open: "" }, el("summary", {}, `${layerName(layer)}: fields`), scroll("fields", list)) : "");
}

const perLine = 16;

// hexOf writes bytes, sixteen a line, each an element of the color of its
// layer.
function hexOf(packet) {
	const bytes = packet.hex.match(/../g) ?? [], box = el("div", { class: "hex", role: "img", "aria-label": `the packet's bytes: ${bytes.slice(0, 64).join(" ")}${bytes.length > 64 ? " …" : ""}` });
	const owner = new Array(bytes.length).fill(0);
	for (const layer of packet.layers) for (const [from, to] of bytesOf(layer)) owner.fill(layer.osi, from, to);
	for (let at = 0; at < bytes.length; at += perLine) {
		const row = bytes.slice(at, at + perLine);
		const cells = row.map((b, i) => el("span", { class: `piece-${owner[at + i]}` }, b));
		const text = row.map((b) => { const c = parseInt(b, 16); return c >= 32 && c < 127 ? String.fromCharCode(c) : "."; }).join("");
		box.append(`${at.toString(16).padStart(4, "0")}  `);
		cells.forEach((c, i) => box.append(c, i === 7 ? "  " : " "));
		box.append(`${"   ".repeat(perLine - row.length)}${row.length < 8 ? " " : ""} ${text}\n`);
	}
	return box;
}

// light marks ranges of bytes.
function light(hex, ranges) {
	hex.querySelectorAll("span").forEach((byte, i) => byte.classList.toggle("lit", ranges.some(([from, to]) => from <= i && i < to)));
}
