-- Wireshark and tshark read rawlab's frames with this.
--
--   wireshark -X lua_script:rawlab.lua capture.pcapng
--   tshark -X lua_script:rawlab.lua -r capture.pcapng -Y 'rawlab.gap' -T fields -e frame.number -e rawlab.origin -e rawlab.seq
--
-- or once for all: copy it to the folder "Personal Lua Plugins" that Wireshark
-- shows under Help, About, Folders. Port 9700 is rawlab's; on others the frames
-- are known by their look. A conversation there that begins with a record of TLS
-- or DTLS is left to Wireshark's own dissectors. framing/doc.go draws the layout.

local rawlab = Proto("rawlab", "rawlab frames")

local KINDS = {
	"hello", "welcome", "subscribe", "unsubscribe", "emit", "event", "ack", "nack", "fragment", "parity",
	"ping", "pong", "receipt", "error", "bye", "move",
}
local CODES = {
	[0] = "ok", "version", "invalid", "too large", "unauthorized", "limit", "full", "shutdown", "timeout", "internal",
	"nobody", "gone", "retry",
}
local DELIVERIES = { [0] = "default", "at-most-once", "at-least-once" }
local OVERFLOWS = { [0] = "default", "drop-oldest", "disconnect", "block" }

local VERSION, HEADER, PREFIX = 1, 32, 4
local CRC, OFFSET, REPLY = 0x01, 0x02, 0x20
local KNOWN_FLAGS = 0x7f

local function number(name, title, kind, ...)
	return ProtoField[kind or "uint64"]("rawlab." .. name, title, base.DEC, ...)
end

local function flag(name, title, mask)
	return ProtoField.bool("rawlab.flags." .. name, title, 8, nil, mask)
end

local f = {
	length = number("length", "Length of what follows", "uint32"),
	version = number("version", "Version", "uint8", nil, 0xe0),
	kind = number("kind", "Kind", "uint8", KINDS, 0x1f),
	flags = ProtoField.uint8("rawlab.flags", "Flags", base.HEX),
	f_crc = flag("crc", "Checksum", 0x01), f_offset = flag("offset", "Offset", 0x02), f_ack = flag("want_ack", "Wants an ack", 0x04),
	f_replayed = flag("replayed", "Replayed", 0x08), f_request = flag("request", "Request", 0x10), f_reply = flag("reply", "Reply", 0x20),
	f_redelivered = flag("redelivered", "Redelivered", 0x40),
	code = number("code", "Code", "uint8", CODES),
	topic_length = number("topic_length", "Topic length", "uint8"),
	origin = number("origin", "Origin"),
	seq = number("seq", "Sequence"),
	stream = number("seq.stream", "Stream of the origin", "uint16"),
	number = number("seq.number", "Number in the stream"),
	time_ns = number("time_ns", "Emit time, ns since 1970"),
	time = ProtoField.absolute_time("rawlab.time", "Emit time", base.UTC),
	offset = number("offset", "Offset"),
	topic = ProtoField.string("rawlab.topic", "Topic"),
	payload = ProtoField.bytes("rawlab.payload", "Payload"),
	payload_length = number("payload_length", "Payload length", "uint32"),
	crc = ProtoField.uint32("rawlab.crc", "CRC-32C", base.HEX),
	crc_good = ProtoField.bool("rawlab.crc.good", "CRC-32C is right"),
	gap = number("gap", "Events missing just before this one"),

	min_version = number("hello.min_version", "Lowest version", "uint8"),
	max_version = number("hello.max_version", "Highest version", "uint8"),
	name = ProtoField.string("rawlab.hello.name", "Name"),
	token_length = number("hello.token_length", "Token length", "uint16"),
	token = ProtoField.bytes("rawlab.hello.token", "Token"),
	chosen = number("welcome.version", "Version chosen", "uint8"),
	limit = number("welcome.limit", "Largest frame accepted", "uint32"),
	epoch = ProtoField.uint64("rawlab.epoch", "Epoch", base.HEX),
	resume = number("subscribe.offset", "First offset wanted"),
	delivery = number("subscribe.delivery", "Delivery", "uint8", DELIVERIES),
	overflow = number("subscribe.overflow", "Overflow", "uint8", OVERFLOWS),
	window = number("subscribe.window", "Window, events", "uint16"),
	redeliver = number("subscribe.redeliver", "Redeliver after, ms", "uint32"),
	deliveries = number("subscribe.max_deliveries", "Deliveries at most", "uint16"),
	from = number("receipt.from", "Missed from offset"),
	to = number("receipt.to", "Missed up to, without it"),
	replayed = number("receipt.replayed", "Replayed"),
	range_from = number("range.from", "From"),
	range_to = number("range.to", "Up to, without it"),
	total = number("fragment.total", "Whole frame, bytes", "uint32"),
	position = number("fragment.position", "Position in it", "uint32"),
	piece = ProtoField.bytes("rawlab.fragment.piece", "Piece"),
	group = number("parity.first", "First of the group"),
	k = number("parity.k", "Frames in the group", "uint8"),
	m = number("parity.m", "Shards of redundancy", "uint8"),
	index = number("parity.index", "Which shard, from 0", "uint8"),
	shard = ProtoField.bytes("rawlab.parity.shard", "Shard"),
	request_origin = number("reply.origin", "Origin of the request"),
	request_seq = number("reply.seq", "Sequence of the request"),
}
local list = {}
for _, field in pairs(f) do
	list[#list + 1] = field
end
rawlab.fields = list

local e = {
	gap = ProtoExpert.new("rawlab.expert.gap", "Events are missing before this one", expert.group.SEQUENCE, expert.severity.WARN),
	again = ProtoExpert.new("rawlab.expert.again", "A later event came before: doubled, late or sent again", expert.group.SEQUENCE, expert.severity.NOTE),
	crc = ProtoExpert.new("rawlab.expert.crc", "The CRC-32C is wrong", expert.group.CHECKSUM, expert.severity.ERROR),
	body = ProtoExpert.new("rawlab.expert.body", "The payload is not what the kind demands", expert.group.PROTOCOL, expert.severity.ERROR),
	frame = ProtoExpert.new("rawlab.expert.frame", "These bytes are no frame", expert.group.PROTOCOL, expert.severity.ERROR),
}
rawlab.experts = { e.gap, e.again, e.crc, e.body, e.frame }

rawlab.prefs.limit = Pref.uint("Largest frame", 1048576, "bytes; a longer one is no frame")

-- CRC-32C (Castagnoli), reflected, one byte at a time.
local crc_table = {}
for i = 0, 255 do
	local r = i
	for _ = 1, 8 do
		r = bit.band(r, 1) == 1 and bit.bxor(bit.rshift(r, 1), 0x82f63b78) or bit.rshift(r, 1)
	end
	crc_table[i] = r
end

local function crc32c(s)
	local c = bit.bnot(0)
	for i = 1, #s do
		c = bit.bxor(bit.rshift(c, 8), crc_table[bit.band(bit.bxor(c, s:byte(i)), 0xff)])
	end
	return bit.bnot(c)
end

-- plausible says whether a frame may begin at at, and how long it is.
local function plausible(tvb, at)
	if tvb:len() - at < 8 then
		return false
	end
	local size = tvb(at, 4):uint() + PREFIX
	local versionkind, flags = tvb(at + 4, 1):uint(), tvb(at + 5, 1):uint()
	local least = HEADER + tvb(at + 7, 1):uint()
	if bit.band(flags, OFFSET) ~= 0 then least = least + 8 end
	if bit.band(flags, CRC) ~= 0 then least = least + 4 end
	local good = bit.rshift(versionkind, 5) == VERSION and KINDS[bit.band(versionkind, 0x1f)] ~= nil
		and bit.band(flags, bit.bnot(KNOWN_FLAGS)) == 0 and size >= least and size <= rawlab.prefs.limit
	return good, size
end

-- ranges are none, or ascend without overlapping, and none of them is empty.
local function ranges(tree, tvb)
	if tvb:len() % 16 ~= 0 then
		return false
	end
	local past, good = UInt64(0), true
	for at = 0, tvb:len() - 16, 16 do
		local from, to = tvb(at, 8):uint64(), tvb(at + 8, 8):uint64()
		local t = tree:add(tvb(at, 16), string.format("%s up to %s", from, to))
		t:add(f.range_from, tvb(at, 8))
		t:add(f.range_to, tvb(at + 8, 8))
		good, past = good and from >= past and to > from, to
	end
	return good
end

-- fields adds fixed fields one after the other, { field, bytes } each, and
-- returns what is left behind them, nil if there are too few bytes.
local function fields(tree, tvb, wanted)
	local at = 0
	for _, w in ipairs(wanted) do
		if tvb:len() - at < w[2] then
			return nil
		end
		tree:add(w[1], tvb(at, w[2]))
		at = at + w[2]
	end
	return at
end

-- What the kinds' payloads hold; each returns whether that is so.
local bodies = {
	hello = function(tree, tvb)
		local at = fields(tree, tvb, { { f.min_version, 1 }, { f.max_version, 1 } })
		if not at or tvb:len() < 3 then return false end
		local name = tvb(2, 1):uint()
		if tvb:len() < 5 + name then return false end
		tree:add_packet_field(f.name, tvb(3, name), ENC_UTF_8)
		tree:add(f.token_length, tvb(3 + name, 2))
		local token = tvb(3 + name, 2):uint()
		if tvb:len() ~= 5 + name + token then return false end
		if token > 0 then tree:add(f.token, tvb(5 + name, token)) end
		return true
	end,
	welcome = function(tree, tvb)
		return fields(tree, tvb, { { f.chosen, 1 }, { f.limit, 4 }, { f.epoch, 8 } }) == tvb:len()
	end,
	subscribe = function(tree, tvb)
		local at = fields(tree, tvb, { { f.epoch, 8 }, { f.resume, 8 } })
		if at == nil or at == tvb:len() then return at ~= nil end
		return tvb:len() == 26 and tvb(16, 1):uint() < 3 and tostring(tvb(16):bytes()) ~= string.rep("00", 10) and fields(tree, tvb(at), { { f.delivery, 1 }, { f.overflow, 1 }, { f.window, 2 }, { f.redeliver, 4 }, { f.deliveries, 2 } }) == tvb:len() - at
	end,
	receipt = function(tree, tvb)
		local at = fields(tree, tvb, { { f.epoch, 8 }, { f.from, 8 }, { f.to, 8 }, { f.replayed, 8 } })
		return at ~= nil and tvb(16, 8):uint64() >= tvb(8, 8):uint64() and (at == tvb:len() or ranges(tree, tvb(at)))
	end,
	nack = ranges,
	fragment = function(tree, tvb)
		local at = fields(tree, tvb, { { f.total, 4 }, { f.position, 4 } })
		if not at or at == tvb:len() then return false end
		tree:add(f.piece, tvb(at))
		return tvb(4, 4):uint() + tvb:len() - at <= tvb(0, 4):uint() -- a double: it does not wrap
	end,
	parity = function(tree, tvb) -- or nothing: then it numbers its datagram
		local at = fields(tree, tvb, { { f.group, 8 }, { f.k, 1 }, { f.m, 1 }, { f.index, 1 } })
		if not at then return false end
		if at < tvb:len() then tree:add(f.shard, tvb(at)) end
		return tvb(8, 1):uint() > 0 and tvb(10, 1):uint() < tvb(9, 1):uint()
	end,
}

-- seen holds the highest number of every stream in every direction of a
-- conversation, at each interface of the capture; verdicts what that said of a frame when it was seen first.
local seen, verdicts = {}, {}
local interface = Field.new("frame.interface_id")

local function judge(pinfo, nth, tvb, kind)
	local id = pinfo.number .. "/" .. nth
	if not pinfo.visited then
		local key = table.concat({ tostring(interface()), tostring(pinfo.src), pinfo.src_port, tostring(pinfo.dst), pinfo.dst_port, kind, tostring(tvb(8, 8):bytes()), tvb(16, 2):uint() }, " ")
		local n, highest = tvb(18, 6):uint64(), seen[key]
		if highest and n <= highest then
			verdicts[id] = { again = true }
		elseif highest and n > highest + 1 then
			verdicts[id] = { missing = n - highest - 1 }
		end
		if not highest or n > highest then seen[key] = n end
	end
	return verdicts[id]
end

-- identity adds whose event it is.
local function identity(tree, tvb)
	tree:add(f.origin, tvb(8, 8))
	local seq = tree:add(f.seq, tvb(16, 8))
	seq:add(f.stream, tvb(16, 2))
	seq:add(f.number, tvb(18, 6))
	local ns = tvb(24, 8):uint64()
	tree:add(f.time_ns, tvb(24, 8))
	if ns > UInt64(0) then
		tree:add(f.time, tvb(24, 8), NSTime.new((ns / 1000000000):tonumber(), (ns % 1000000000):tonumber())):set_generated()
	end
end

local function encoding(tree, tvb)
	tree:add(f.length, tvb(0, 4))
	tree:add(f.version, tvb(4, 1))
	tree:add(f.kind, tvb(4, 1))
	local flags = tree:add(f.flags, tvb(5, 1))
	for _, field in ipairs { f.f_crc, f.f_offset, f.f_ack, f.f_replayed, f.f_request, f.f_reply, f.f_redelivered } do
		flags:add(field, tvb(5, 1))
	end
	tree:add(f.code, tvb(6, 1))
	tree:add(f.topic_length, tvb(7, 1))
end

-- dissect shows one whole frame, the nth of its packet. Some demand a CRC.
local function dissect(tvb, pinfo, root, nth, demand)
	local kind, flags, topic_length = KINDS[bit.band(tvb(4, 1):uint(), 0x1f)], tvb(5, 1):uint(), tvb(7, 1):uint()
	local tree = root:add(rawlab, tvb())
	encoding(tree, tvb)
	identity(tree, tvb)
	local at, finish = HEADER, tvb:len()
	if bit.band(flags, OFFSET) ~= 0 then
		tree:add(f.offset, tvb(at, 8))
		at = at + 8
	end
	if bit.band(flags, CRC) ~= 0 then
		finish = finish - 4
	end
	local topic = ""
	if topic_length > 0 then
		topic = tvb(at, topic_length):string(ENC_UTF_8)
		tree:add_packet_field(f.topic, tvb(at, topic_length), ENC_UTF_8)
	end
	at = at + topic_length
	tree:add(f.payload_length, finish - at):set_generated()
	if finish > at then
		local body, payload = bodies[kind], tvb(at, finish - at)
		local t = tree:add(f.payload, payload)
		if body and not body(t, payload) then
			t:add_proto_expert_info(e.body)
		elseif bit.band(flags, REPLY) ~= 0 and not fields(t, payload, { { f.request_origin, 8 }, { f.request_seq, 8 } }) then
			t:add_proto_expert_info(e.body)
		end
	elseif kind == "hello" or kind == "welcome" or kind == "subscribe" or kind == "receipt" or kind == "fragment" then
		tree:add_proto_expert_info(e.body)
	end
	if bit.band(flags, CRC) ~= 0 then
		local good = crc32c(tvb:raw(0, finish)) == bit.tobit(tvb(finish, 4):uint())
		local t = tree:add(f.crc, tvb(finish, 4))
		t:add(f.crc_good, tvb(finish, 4), good):set_generated()
		if not good then t:add_proto_expert_info(e.crc) end
	elseif demand then
		tree:add_proto_expert_info(e.crc, "There is no CRC-32C, which a datagram's frames need")
	end
	local text = kind
	if topic ~= "" then text = text .. " " .. topic end
	if kind == "emit" or kind == "event" or kind == "fragment" then
		text = text .. string.format(" %s:%s", tvb(8, 8):uint64(), tvb(16, 8):uint64())
	end
	if kind == "emit" or kind == "event" then
		local verdict = judge(pinfo, nth, tvb, kind)
		if verdict and verdict.missing then
			tree:add(f.gap, tvb(16, 8), verdict.missing):set_generated()
			tree:add_proto_expert_info(e.gap, verdict.missing .. " events missing before this one")
		elseif verdict then
			tree:add_proto_expert_info(e.again)
		end
	end
	tree:append_text(": " .. text .. string.format(", %d bytes", finish - at))
	return text
end

-- tell puts what a packet holds into the packet list.
local function tell(pinfo, texts)
	pinfo.cols.protocol = "rawlab"
	if #texts > 4 then
		texts = { texts[1], texts[2], texts[3], string.format("… %d in all", #texts) }
	end
	if #texts > 0 then pinfo.cols.info = table.concat(texts, " | ") end
end

-- datagram reads whole frames, one behind the other.
local function datagram(tvb, pinfo, root)
	local at, texts = 0, {}
	while at < tvb:len() do
		local good, size = plausible(tvb, at)
		if not size or size < HEADER or at + size > tvb:len() then
			root:add(rawlab, tvb(at)):add_proto_expert_info(e.frame)
			break
		end
		if good then
			texts[#texts + 1] = dissect(tvb(at, size):tvb(), pinfo, root, #texts + 1, true)
		else
			root:add(rawlab, tvb(at, size)):add_proto_expert_info(e.frame)
		end
		at = at + size
	end
	tell(pinfo, texts)
	return tvb:len()
end

-- segment reads what TCP carries: a frame may begin and end anywhere, and is
-- shown with the segment that completes it.
local function segment(tvb, pinfo, root)
	local texts = {}
	local at = 0
	while at < tvb:len() do
		local left = tvb:len() - at
		if left < 8 then
			pinfo.desegment_offset, pinfo.desegment_len = at, DESEGMENT_ONE_MORE_SEGMENT
			break
		end
		local good, size = plausible(tvb, at)
		if not good then
			root:add(rawlab, tvb(at)):add_proto_expert_info(e.frame)
			break
		end
		if size > left then
			pinfo.desegment_offset, pinfo.desegment_len = at, size - left
			break
		end
		texts[#texts + 1] = dissect(tvb(at, size):tvb(), pinfo, root, #texts + 1)
		at = at + size
	end
	if at > 0 or #texts > 0 then tell(pinfo, texts) end
	return tvb:len()
end

-- record says whether a payload begins with a record of TLS (RFC 8446, section
-- 5.1) or of DTLS (RFC 6347, section 4.1; type 25 has a connection ID: RFC 9146,
-- section 4). As the length of a frame those bytes are far above any limit.
local function record(tvb, stream)
	if tvb:len() < (stream and 3 or 13) then
		return false
	end
	local kind, major, minor = tvb(0, 1):uint(), tvb(1, 1):uint(), tvb(2, 1):uint()
	if stream then
		return kind >= 20 and kind <= 24 and major == 3 and minor <= 4
	end
	return kind >= 20 and kind <= 26 and major == 254 and (minor == 255 or minor == 253)
end

-- Wireshark's own dissectors of what is encrypted, and the conversations that
-- are theirs: those that begin with such a record, at each interface.
local theirs, tls, dtls = {}, Dissector.get("tls"), Dissector.get("dtls")

local function encrypted(tvb, pinfo, stream)
	local a, b = tostring(pinfo.src) .. " " .. pinfo.src_port, tostring(pinfo.dst) .. " " .. pinfo.dst_port
	if b < a then a, b = b, a end
	local key = table.concat({ tostring(interface()), tostring(stream), a, b }, " ")
	if theirs[key] == nil and (not stream or tvb:len() >= 3) then theirs[key] = record(tvb, stream) end
	return theirs[key]
end

function rawlab.init()
	seen, verdicts, theirs = {}, {}, {}
end

function rawlab.dissector(tvb, pinfo, root)
	local stream = pinfo.port_type == 2 -- PT_TCP
	if encrypted(tvb, pinfo, stream) then
		if stream then pinfo.can_desegment = 2 end -- theirs is one further from TCP than ours, and would not wait for the rest of a record
		return (stream and tls or dtls):call(tvb, pinfo, root)
	end
	if stream then
		return segment(tvb, pinfo, root)
	end
	return datagram(tvb, pinfo, root)
end

local function looks(tvb, pinfo, root)
	if not plausible(tvb, 0) then
		return false
	end
	pinfo.conversation = rawlab
	rawlab.dissector(tvb, pinfo, root)
	return true
end

DissectorTable.get("udp.port"):add(9700, rawlab)
DissectorTable.get("tcp.port"):add(9700, rawlab)
rawlab:register_heuristic("udp", looks)
rawlab:register_heuristic("tcp", looks)
