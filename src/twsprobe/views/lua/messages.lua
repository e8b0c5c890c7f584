-- What the declarations hold, with a ProtoField at every place -----------------------------------------------------------------------
-- A place is a field of a message: its ProtoField, and its kind or its record. A record of places has them by name and by number.

local function record_at(number, path, message)
  local record = { by_name = {}, by_number = {} }
  for _, declared in ipairs(declarations.records[number][2]) do
    local name, pb, holds, meaning = declared[1], declared[2], declared[3], declared[4]
    local place = { name = name, path = path .. name, many = type(holds) == "table" }
    if place.many then holds = holds[1] end
    local full = message.name .. "." .. place.path
    if type(holds) == "number" then
      place.field = new_field(full, "none", meaning)
      place.record = record_at(holds, place.path .. ".", message)
    else
      place.kind = declarations.kinds[holds]
      place.is_text = message.as_text[place.path] or TYPES[place.kind.base] == ftypes.STRING
      place.names = declarations.names[message.values[place.path]]
      place.field = new_field(full, place.is_text and "string" or place.kind.base, meaning, place.names)
    end
    record.by_name[name] = place
    if pb > 0 then record.by_number[pb] = place end
  end
  return record
end

local function place_of(record, path)
  local place
  for name in path:gmatch("[^.]+") do
    place = record.by_name[name]
    record = place.record
  end
  return place
end

local function prepare_layout(nodes, record, message)
  for _, node in ipairs(nodes) do
    if node[1] == "version" then
      local kind = declarations.kinds[node[2]]
      local place = { name = "version", path = "version", kind = kind, field = new_field(message.name .. ".version", kind.base) }
      record.by_name.version = place
    elseif node[1] == "gate" or node[1] == "when" or node[1] == "flag" or node[1] == "list" then
      local place = (node[1] == "flag" or node[1] == "list") and place_of(record, node[2])
      if place then
        local suffix = node[1] == "flag" and ".present" or ".count"
        local base_name = node[1] == "flag" and "bool" or "int"
        place.told = place.told or new_field(message.name .. "." .. place.path .. suffix, base_name)
      end
      if node[4] then prepare_layout(node[4], node[1] == "list" and place.record or record, message) end
    end
  end
end

local by_id = { [true] = {}, [false] = {} }
for _, message in ipairs(declarations.messages) do
  message.field = new_field(message.name, "none", message.meaning)
  message.places = record_at(message.record, "", message)
  if message.text then prepare_layout(message.text, message.places, message) end
  message.layouts = {}
  by_id[message.to_server][message.id] = message
end

local function folded(nodes, record, version, into)
  for _, node in ipairs(nodes) do
    local tag = node[1]
    if type(node) == "string" then
      for path in node:gmatch("%S+") do
        local place = place_of(record, path)
        into[#into + 1] = { tag = "slot", path = path, place = place, kind = place.kind }
      end
    elseif tag == "version" then
      into[#into + 1] = { tag = "slot", path = "version", place = record.by_name.version, kind = record.by_name.version.kind }
    elseif tag == "as" then
      into[#into + 1] = { tag = "slot", path = node[2], place = place_of(record, node[2]), kind = declarations.kinds[node[3]] }
    elseif tag == "gate" then
      if version >= node[2] and (node[3] == 0 or version < node[3]) then folded(node[4], record, version, into) end
    elseif tag == "when" then
      into[#into + 1] = { tag = tag, path = node[2], test = node[3], nodes = folded(node[4], record, version, {}) }
    else
      local place = place_of(record, node[2])
      local inside = node[4] and folded(node[4], tag == "list" and place.record or record, version, {})
      into[#into + 1] = { tag = tag, path = node[2], place = place, kind = declarations.kinds[node[3]], nodes = inside }
    end
  end
  return into
end

local function layout_at(message, version)
  version = math.min(version, declarations.highest)
  if not message.layouts[version] then message.layouts[version] = folded(message.text, message.places, version, {}) end
  return message.layouts[version]
end

-- Showing ---------------------------------------------------------------------------------------------------------------------------
-- A branch is a record in the tree: its item, the branches inside it, and the last byte that it holds.

local function new_branch(item, parent, start)
  return { item = item, parent = parent, start = start, last = start, inside = {} }
end

local function range_of(reader, first, last)
  return reader.tvb:range(reader.base + first - 1, last - first + 1)
end

local function finish(branch)
  branch.item:set_len(branch.last - branch.start + 1)
  branch.parent.last = math.max(branch.parent.last, branch.last)
end

local function grow(reader, branch, place, first, label)
  local item = branch.item:add(place.field, range_of(reader, first, #reader.data))
  if label then item:append_text(label) end
  local made = new_branch(item, branch, first)
  reader.branches[#reader.branches + 1] = made
  return made
end

local function branch_for(reader, branch, record, path, first)
  for name in path:gmatch("([^.]+)%.") do
    local place = record.by_name[name]
    branch.inside[name] = branch.inside[name] or grow(reader, branch, place, first)
    branch, record = branch.inside[name], place.record
  end
  return branch
end

local function stop(reader, item, reason, proto_expert)
  item:add_proto_expert_info(proto_expert or E.malformed, reason)
  reader.stopped = true
  return false
end

local function room(reader)
  reader.items = reader.items + 1
  if reader.items <= MOST_ITEMS then return true end
  return stop(reader, reader.item, "more than " .. MOST_ITEMS .. " fields are not shown", E.too_many)
end

local function note_word(reader, place, shown)
  if reader.in_list or #reader.words >= MOST_WORDS or shown == "" or place.name == "version" then return end
  if #shown > LONGEST_WORD then shown = gsub(sub(shown, 1, LONGEST_WORD), "[\192-\255]?[\128-\191]*$", "") .. "..." end
  reader.words[#reader.words + 1] = place.name .. "=" .. shown
end

local function show(reader, item, place, base_name, range, value, exact)
  local shown = exact or (type(value) == "number" and format("%.15g", value)) or tostring(value)
  local name = place.names and place.names[value]
  note_word(reader, place, name and not find(name, " ", 1, true) and name or shown)
  if place.is_text then
    item:add(place.field, range, visible(shown))
  elseif base_name == "int" then
    item:add(place.field, range, int64(value, exact))
  else
    local made = item:add(place.field, range, value)
    -- A double shows 15 digits; decimals are exact.
    if base_name == "decimal" and exact ~= format("%.15g", value) then made:append_text(" (" .. plain(exact) .. ")") end
  end
end

local function show_tags(reader, branch, place, first, last, text)
  local shown = 0
  for part in text:gmatch("[^;]+") do
    if not room(reader) then return false end
    local item = branch.item:add(place.field, range_of(reader, first, last))
    local tag, value = part:match("^([^=]*)=(.*)$")
    item:append_text(": " .. plain(part))
    item:add(place.record.by_name.tag.field, range_of(reader, first, last), tag or part)
    if value then item:add(place.record.by_name.value.field, range_of(reader, first, last), value) end
    shown = shown + 1
  end
  return true, shown > 0 or nil
end

-- Text messages ---------------------------------------------------------------------------------------------------------------------

local function piece(reader, path)
  local data, first = reader.data, reader.position
  if first > #data then
    reader.missing = path
    return nil
  end
  local nul = find(data, "\0", first, true) or #data + 1
  reader.position = nul + 1
  return text_of(sub(data, first, nul - 1)), first, math.min(nul, #data)
end

-- Reads a field, shows it and returns whether to go on, and its value.
local function read_field(reader, branch, record, node, path, field)
  local text, first, last = piece(reader, path)
  if not text or not room(reader) then return false end
  local kind, place = node.kind, node.place
  local here = branch_for(reader, branch, record, node.path, first)
  if last > here.last then here.last = last end
  local range = range_of(reader, first, last)
  local good, value, exact
  if kind.base == "tags" then
    good, value = show_tags(reader, here, place, first, last, text)
    if not good then return false end
  else
    good, value, exact = from_text[kind.base](kind, text, reader.version)
  end
  if not good then return stop(reader, here.item:add(F.rest, range), format("%s: '%s' is not %s", path, plain(sub(text, 1, 60)), kind.type)) end
  if value == nil then
    here.item:add(F.unset, range, path):set_text(place.name .. ": (not given)")
  elseif field then
    here.item:add(field, range, kind.base == "int" and int64(value, exact) or value)
  elseif kind.base ~= "tags" then
    show(reader, here.item, place, kind.base, range, value, exact)
  end
  return true, value
end

local read_nodes

local function read_list(reader, branch, record, node, values, path)
  local good, count = read_field(reader, branch, record, node, "len(" .. path .. ")", node.place.told)
  if not good then return false end
  count = count or 0
  local left = math.max(#reader.data - reader.position + 1, 0)
  if count > left then return stop(reader, branch.item, format("%s: %d elements are announced and %d bytes are left", path, count, left)) end
  values[node.path] = { count > 0 or nil }
  local was_in_list = reader.in_list
  reader.in_list = true
  local element = { path = node.path, place = node.place, kind = node.place.kind }
  for index = 0, count - 1 do
    local at = path .. "[" .. index .. "]"
    if not node.nodes then
      good = read_field(reader, branch, record, element, at)
    elseif reader.position > #reader.data then
      good = read_nodes(reader, branch, node.place.record, node.nodes, {}, at .. ".")
    else
      local here = branch_for(reader, branch, record, node.path, reader.position)
      here = grow(reader, here, node.place, reader.position, "[" .. index .. "]")
      good = room(reader) and read_nodes(reader, here, node.place.record, node.nodes, {}, at .. ".")
    end
    if not good then return false end
  end
  reader.in_list = was_in_list
  return true
end

function read_nodes(reader, branch, record, nodes, values, prefix)
  for _, node in ipairs(nodes) do
    local good, value = true, nil
    if node.tag == "slot" then
      good, value = read_field(reader, branch, record, node, prefix .. node.path)
      values[node.path] = value
    elseif node.tag == "when" then
      if node.test(values[node.path]) then good = read_nodes(reader, branch, record, node.nodes, values, prefix) end
    elseif node.tag == "flag" then
      good, value = read_field(reader, branch, record, node, "has(" .. prefix .. node.path .. ")", node.place.told)
      if good and value then good = read_nodes(reader, branch, record, node.nodes, values, prefix) end
    else
      good = read_list(reader, branch, record, node, values, prefix .. node.path)
    end
    if not good then return false end
  end
  return true
end

local function read_text(reader, message)
  if not message.text then return stop(reader, reader.item, message.name .. " has no text form") end
  local whole = read_nodes(reader, reader.branch, message.places, layout_at(message, reader.version), {}, "")
  if reader.missing then
    reader.item:add_proto_expert_info(E.missing, "ends before " .. reader.missing)
  elseif whole then
    local surplus = 0
    while reader.position <= #reader.data and room(reader) do
      local text, first, last = piece(reader)
      reader.branch.item:add(F.surplus, range_of(reader, first, last), text)
      surplus = surplus + 1
    end
    if surplus > 0 then reader.item:add_proto_expert_info(E.surplus, surplus .. " behind the last known one") end
    if reader.start <= #reader.data and byte(reader.data, #reader.data) ~= 0 then reader.item:add_proto_expert_info(E.unterminated) end
  end
end

-- Protobuf messages -----------------------------------------------------------------------------------------------------------------

-- A varint as its lower and upper 32 bits, and where the next byte is; nil where it is none.
local function varint(data, at, last)
  local parts = { 0, 0, 0 }
  local scale = 1
  for index = 0, 9 do
    if at > last then return nil end
    local each = byte(data, at)
    local part = floor(index / 4) + 1
    if index % 4 == 0 then scale = 1 end
    parts[part] = parts[part] + each % 128 * scale
    scale = scale * 128
    at = at + 1
    if each < 128 then
      return parts[1] + parts[2] % 16 * 268435456, floor(parts[2] / 16) + parts[3] % 256 * 16777216, at
    end
  end
  return nil
end

local from_wire = {}

function from_wire.int(kind, low, high)
  if kind.bits == 32 then
    local value = low < 2147483648 and low or low - 4294967296
    return true, value, format("%d", value)
  end
  local value = Int64(low, high)
  return true, tonumber(tostring(value)), tostring(value)
end

function from_wire.bool(kind, low, high)
  return true, low ~= 0 or high ~= 0
end

-- Shows the value between two places and returns whether to go on.
local function read_value(reader, item, place, path, first, last, low, high, from)
  local kind, good, value, exact = place.kind, nil, nil, nil
  if kind.wire == 0 then
    good, value, exact = from_wire[kind.base](kind, low, high)
  elseif kind.wire == 1 then
    good, value = true, range_of(reader, from, from + 7):le_float()
  else
    local bytes = sub(reader.data, from, last)
    good = is_utf8(bytes)
    if good and kind.base == "decimal" then good, value, exact = from_text.decimal(kind, bytes) else value = bytes end
  end
  local range = range_of(reader, first, last)
  if not good then return stop(reader, item:add(F.rest, range), format("%s is not %s", path, kind.type)) end
  if value == nil then
    item:add(F.unset, range, path):set_text(place.name .. ": (not given)")
  else
    show(reader, item, place, kind.base, range, value, exact)
  end
  return true
end

local function read_packed(reader, item, place, path, first, last)
  while first <= last do
    if not room(reader) then return false end
    local low, high, behind
    if place.kind.wire == 0 then
      low, high, behind = varint(reader.data, first, last)
    elseif first + 7 <= last then
      behind = first + 8
    end
    if not behind then return stop(reader, item, path .. ": a packed value runs over the end") end
    if not read_value(reader, item, place, path, first, behind - 1, low, high, first) then return false end
    first = behind
  end
  return true
end

local read_record

local function read_known(reader, item, place, path, first, last, wire, low, high, from)
  local was_in_list = reader.in_list
  reader.in_list = was_in_list or place.many
  local good
  if place.record then
    local inner = item:add(place.field, range_of(reader, first, last))
    good = read_record(reader, inner, place.record, path .. ".", from, last)
  elseif place.many and wire ~= place.kind.wire then
    good = read_packed(reader, item, place, path, from, last)
  else
    good = read_value(reader, item, place, path, first, last, low, high, from)
  end
  reader.in_list = was_in_list
  return good
end

local SIZES = { [1] = 8, [5] = 4 }

function read_record(reader, item, record, prefix, first, last)
  local data, at = reader.data, first
  while at <= last do
    if not room(reader) then return false end
    local start, key, key_high, low, high, from = at, nil, nil, nil, nil, nil
    key, key_high, at = varint(data, at, last)
    if not at or key_high > 0 or key < 8 then return stop(reader, item, prefix .. " a field's key is not one") end
    local number, wire = floor(key / 8), key % 8
    from = at
    if wire == 0 then
      low, high, at = varint(data, at, last)
    elseif wire == 2 then
      low, high, at = varint(data, at, last)
      from = at
      if at then at = high == 0 and at + low or last + 2 end
    else
      at = SIZES[wire] and at + SIZES[wire]
    end
    if not at or at > last + 1 then return stop(reader, item, format("%sfield %d runs over the end, or has no type", prefix, number)) end
    local place = record.by_number[number]
    if place and (wire == (place.record and 2 or place.kind.wire) or (place.many and wire == 2)) then
      if not read_known(reader, item, place, prefix .. place.name, start, at - 1, wire, low, high, from) then return false end
    else
      local unknown = item:add(F.unknown_field, range_of(reader, start, at - 1))
      unknown:prepend_text(format("field %d of wire type %d, ", number, wire))
      unknown:add_proto_expert_info(E.unknown_field, format("field %d is not in the schema", number))
    end
  end
  return true
end
