-- Frames ----------------------------------------------------------------------------------------------------------------------------

local streams = {}

function tws.init()
  streams = {}
end

tws.prefs.ports = Pref.range("TCP ports", "4001-4002,7496-7497", "Ports on which TWS and IB Gateway listen", 65535)
tws.prefs.server_version = Pref.uint("Server version", 0, "For text of sessions whose beginning was not captured; 0 leaves it undissected")

local function add_info(pinfo, stream, text)
  pinfo.cols.protocol = "TWS"
  if stream.shown == pinfo.number .. "/" .. tostring(pinfo.visited) then
    pinfo.cols.info:append(" | " .. text)
  else
    pinfo.cols.info:set(text)
  end
  stream.shown = pinfo.number .. "/" .. tostring(pinfo.visited)
end

-- A payload's id, whether what follows is protobuf, and where it begins; nil where there is no id.
local function head_of(data)
  local nul = find(data, "\0", 1, true) or 0
  if nul > 1 and nul < 11 and not find(sub(data, 1, nul - 1), "%D") then return tonumber(sub(data, 1, nul - 1)), false, nul + 1 end
  if #data < 4 then return nil end
  local a, b, c, d = byte(data, 1, 4)
  local id = ((a * 256 + b) * 256 + c) * 256 + d
  if id > declarations.protobuf_offset then return id - declarations.protobuf_offset, true, 5 end
  return id, false, 5
end

local function is_plausible(data, size)
  if size < 2 or size > declarations.max_frame then return false end
  local id = head_of(data)
  return id ~= nil and (by_id[true][id] or by_id[false][id]) ~= nil
end

-- Whether this is the place that was noted, or there was none before.
local function is_first(stream, what, pinfo, offset)
  local here = pinfo.number .. ":" .. offset
  stream[what] = stream[what] or here
  return stream[what] == here
end

local function show_offer(item, tvb, offset, data)
  local words = sub(data, 1, (find(data, "\0", 1, true) or 0) - 1)
  local low, high, options = words:match("^v(%d+)%.?%.?(%d*) ?(.*)$")
  if not low then return nil end
  local range = tvb:range(offset, #data)
  local inner = item:add(F.offer, range)
  inner:add(F.minimum, range, Int64(tonumber(low)))
  inner:add(F.maximum, range, Int64(tonumber(high ~= "" and high or low)))
  inner:add(F.options, range, text_of(options))
  return "version offer " .. text_of(words)
end

local function greeting_of(data)
  local nul = find(data, "\0", 1, true)
  local behind = nul and find(data, "\0", nul + 1, true)
  if not behind or behind ~= #data then return nil end
  local version = sub(data, 1, nul - 1):match("^-?%d+$")
  if not version or #version > 10 then return nil end
  return tonumber(version), text_of(sub(data, nul + 1, behind - 1))
end

local function show_greeting(item, tvb, offset, data, version, second)
  local range = tvb:range(offset, #data)
  local inner = item:add(F.greeting, range)
  inner:add(F.version, range, Int64(version))
  if version < 0 then
    inner:add(F.redirect, range, second)
    return "redirect to " .. second
  end
  local time, zone = second:match("^(%d%d%d%d%d%d%d%d %d%d:%d%d:%d%d) ?(.*)$")
  inner:add(F.time, range, time or second)
  inner:add(F.zone, range, zone or "")
  return "greeting server version " .. version
end

local function show_message(item, tvb, offset, data, to_server, version)
  local id, protobuf, start = head_of(data)
  local message = by_id[to_server][id]
  if not id then
    item:add(F.rest, tvb:range(offset, #data)):add_proto_expert_info(E.unknown_message, "does not begin with a message id")
    return "unknown"
  end
  item:add(F.id, tvb:range(offset, start - 1), Int64(id))
  item:add(F.encoding, tvb:range(offset, start - 1), protobuf and "protobuf" or "text"):set_generated(true)
  if version then item:add(F.server_version, tvb:range(offset, 0), Int64(version)):set_generated(true) end
  if not message then
    local rest = start <= #data and item:add(F.rest, tvb:range(offset + start - 1, #data - start + 1)) or item
    rest:add_proto_expert_info(E.unknown_message, "no message with this id is declared")
    return "unknown " .. id
  end
  item:add(F.name, tvb:range(offset, start - 1), message.name):set_generated(true)
  local inner = item:add(message.field, tvb:range(offset + start - 1, #data - start + 1))
  local reader = {
    tvb = tvb, base = offset, data = data, position = start, start = start, version = version,
    item = inner, branches = {}, items = 0, words = {}, branch = new_branch(inner, { last = 0 }, start),
  }
  if protobuf then
    read_record(reader, inner, message.places, "", start, #data)
  elseif version then
    read_text(reader, message)
    for index = #reader.branches, 1, -1 do finish(reader.branches[index]) end
  else
    inner:add_proto_expert_info(E.no_version, "set tws.server_version, or capture the connection from its beginning")
  end
  return message.name .. (#reader.words > 0 and " " .. concat(reader.words, " ") or "") .. (reader.stopped and " [malformed]" or "")
end

local function dissect_frame(tvb, offset, size, pinfo, tree, stream, to_server)
  local item = tree:add(tws, tvb:range(offset, 4 + size))
  item:add(F.length, tvb:range(offset, 4), Int64(size))
  item:add(F.direction, tvb:range(offset, 0), to_server and "to_server" or "to_client"):set_generated(true)
  local data = size > 0 and tvb:raw(offset + 4, size) or ""
  local info
  if to_server and stream.prefix and is_first(stream, "offer", pinfo, offset) then
    info = show_offer(item, tvb, offset + 4, data)
  elseif not to_server and (not stream.version or stream.greeting == pinfo.number .. ":" .. offset) then
    local version, second = greeting_of(data)
    if version and (stream.prefix or second:find("^%d%d%d%d%d%d%d%d ")) and is_first(stream, "greeting", pinfo, offset) then
      if version >= 0 then stream.version = version end
      info = show_greeting(item, tvb, offset + 4, data, version, second)
    end
  end
  if not info then
    local assumed = not stream.prefix and tws.prefs.server_version > 0 and tws.prefs.server_version or nil
    info = show_message(item, tvb, offset + 4, data, to_server, stream.version or assumed)
  end
  info = plain(info)
  item:append_text(", " .. info)
  add_info(pinfo, stream, info)
end

local function show_rest(tvb, offset, pinfo, tree, stream, proto_expert, text)
  local item = tree:add(tws, tvb:range(offset))
  item:add(F.rest, tvb:range(offset)):add_proto_expert_info(proto_expert, text)
  item:append_text(", " .. text)
  add_info(pinfo, stream, text)
end

local function stream_of(tvb, pinfo)
  local found = { tcp_stream() }
  local number = #found > 0 and found[#found].value or -1
  streams[number] = streams[number] or { lost = {} }
  return streams[number]
end

-- Whether the packet goes to the server: from whom the prefix came, else by the port that brought us here, else to the lower port.
local function goes_to_server(stream, pinfo)
  local source = tostring(pinfo.src) .. " " .. pinfo.src_port
  if stream.client then return stream.client == source end
  if pinfo.match == pinfo.dst_port or pinfo.match == pinfo.src_port then return pinfo.match == pinfo.dst_port end
  return pinfo.dst_port < pinfo.src_port
end

-- Where the frames end: the offset behind the last whole one, and how many bytes are needed to go on (nil: these are no frames).
local function dissect_frames(tvb, pinfo, tree, stream, to_server)
  local offset, length = 0, tvb:len()
  while offset < length do
    local left = length - offset
    if left < 4 then return offset, ONE_MORE_SEGMENT end
    local word = tvb:raw(offset, 4)
    if word == declarations.prefix then
      stream.prefix = true
      stream.client = stream.client or tostring(pinfo.src) .. " " .. pinfo.src_port
      to_server = goes_to_server(stream, pinfo)
      tree:add(tws, tvb:range(offset, 4)):append_text(", API prefix"):add(F.prefix, tvb:range(offset, 4), "API")
      add_info(pinfo, stream, "API prefix")
      offset = offset + 4
    else
      local size = tvb:range(offset, 4):uint()
      if size > declarations.max_frame then return offset, nil end
      if left < 4 + size then
        -- Where a segment is lost, a length is made of other bytes; a frame that could not be one is not waited for.
        local known = stream.version and stream.offer and left >= 14
        if known and not is_plausible(tvb:raw(offset + 4, 10), size) then return offset, nil end
        return offset, 4 + size - left
      end
      dissect_frame(tvb, offset, size, pinfo, tree, stream, to_server)
      offset = offset + 4 + size
    end
  end
  return offset, 0
end

function tws.dissector(tvb, pinfo, tree)
  local length = tvb:len()
  if length == 0 then return 0 end
  local stream = stream_of(tvb, pinfo)
  local to_server = goes_to_server(stream, pinfo)
  local lost = stream.lost[to_server]
  local opening = sub(declarations.prefix, 1, 4) == tvb:raw(0, math.min(length, 4))
  if (not stream.prefix and not opening) or (lost and lost < pinfo.number) then
    local begins = length < 4 and tvb:raw(0, length) == sub(declarations.prefix, 1, length)
    local framed = length >= 6 and is_plausible(tvb:raw(4, math.min(length - 4, 10)), tvb:range(0, 4):uint())
    if not begins and not framed then
      if not stream.prefix and not stream.seen then return 0 end
      show_rest(tvb, 0, pinfo, tree, stream, E.not_frames, "not frames")
      return length
    end
  end
  stream.seen = true
  local offset, needed = dissect_frames(tvb, pinfo, tree, stream, to_server)
  if needed == nil then
    stream.lost[to_server] = math.min(lost or pinfo.number, pinfo.number)
    show_rest(tvb, offset, pinfo, tree, stream, E.not_frames, "not frames")
  elseif needed ~= 0 then
    if tvb:reported_len() > length or pinfo.can_desegment == 0 then
      show_rest(tvb, offset, pinfo, tree, stream, E.cut, "a frame that is not whole")
    else
      pinfo.desegment_offset = offset
      pinfo.desegment_len = needed
    end
  end
  return length
end

-- Registration ----------------------------------------------------------------------------------------------------------------------

tws.fields = registered
tws.experts = E
local ports = DissectorTable.get("tcp.port")
local added = tws.prefs.ports
ports:add(added, tws)

function tws.prefs_changed()
  if added == tws.prefs.ports then return end
  ports:remove(added, tws)
  added = tws.prefs.ports
  ports:add(added, tws)
end

tws:register_heuristic("tcp", function(tvb, pinfo, tree)
  if tvb:len() < 4 or tvb:raw(0, 4) ~= declarations.prefix then return false end
  if tvb:len() >= 9 and tvb:raw(8, 1) ~= "v" then return false end
  tws.dissector(tvb, pinfo, tree)
  pinfo.conversation = tws
  return true
end)
